"""A mkdocs hook for what GitHub shows and the site cannot: files outside docs/, and Mermaid, drawn by a remote script.

`[the example](../examples/as_a_node.py)` leads to the file on GitHub; here it is written as the file's path in the
repository. A link to nothing is left as it is, so that `mkdocs build --strict` refuses it. A Mermaid block stays its
source, and says so.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

LINK = re.compile(r"(?<!!)\[(?P<words>[^\]]+)\]\((?P<target>\.\.?/[^)#\s]+)(?:#[^)\s]*)?\)")
MERMAID = re.compile(r"^```mermaid$", re.MULTILINE)
NOTE = "*The picture's source, in Mermaid: GitHub draws it. This site fetches no script that would.*\n\n```mermaid"


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:  # noqa: ARG001
    """Return the page with its links to files outside docs/ written out; mkdocs calls it for each page."""
    docs = Path(config["docs_dir"]).resolve()
    folder = (docs / page.file.src_uri).parent

    def noted(link: re.Match[str]) -> str:
        file = (folder / link["target"]).resolve()
        outside = file.exists() and docs not in file.parents and file != docs
        return f"{link['words']} (`{file.relative_to(docs.parent)}` in the repository)" if outside else link[0]

    return MERMAID.sub(NOTE, LINK.sub(noted, markdown))
