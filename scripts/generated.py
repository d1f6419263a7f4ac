"""Pages that are made from the product: written, or compared with what is there."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def keep(pages: Mapping[Path, str], arguments: Sequence[str]) -> int:
    """Write the pages, or with `--check` compare them; the exit status says whether they were true."""
    if "--check" not in arguments:
        for path, text in pages.items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [path for path, text in pages.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        sys.stderr.write(f"{path} is out of date: run `make docs`.\n")
    return 1 if stale else 0
