"""Draw the picture of docs/graph.md in headless Chromium, into docs/figures/studio.png.

Needs `chromium` (on Debian: apt-get install chromium) and `npm`, which brings Mermaid; nothing else is loaded.
Studio itself is a hosted page; the server's own page, /docs, loads its script from a CDN and stays empty offline. That
`langgraph dev` serves the same picture is checked by tests/surfaces/studio/test_schemas.py.
"""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "graph.md"
TARGET = ROOT / "docs" / "figures" / "studio.png"
MERMAID = "mermaid@11.17.2"
SIZE = (520, 930)
PATIENCE_MS = 20_000
PAGE = """<!doctype html><meta charset="utf-8"><style>body {{ margin: 16px; background: white }}</style>
<pre class="mermaid">{picture}</pre>
<script src="mermaid.min.js"></script><script>mermaid.initialize({{ startOnLoad: true }});</script>
"""


def chromium() -> str:
    """Path of the browser.

    Raises:
        SystemExit: There is none; says how to get one.
    """
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        sys.exit("No Chromium on PATH: on Debian, apt-get install chromium.")
    return found


def mermaid(folder: Path) -> Path:
    """Mermaid's one file, from npm."""
    subprocess.run(["npm", "pack", "--silent", MERMAID], cwd=folder, check=True, capture_output=True)
    (archive,) = folder.glob("mermaid-*.tgz")
    shutil.unpack_archive(archive, folder)
    return folder / "package" / "dist" / "mermaid.min.js"


def picture() -> str:
    """The Mermaid text in docs/graph.md."""
    found = re.search(r"```mermaid\n(.*?)```", PICTURE.read_text(encoding="utf-8"), re.DOTALL)
    if found is None:
        sys.exit(f"{PICTURE} holds no picture: run `make docs`.")
    return found[1]


def main(target: Path) -> int:
    """Write the screenshot."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(mermaid(folder), folder / "mermaid.min.js")
        (folder / "page.html").write_text(PAGE.format(picture=html.escape(picture())), encoding="utf-8")
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder}/home"]
        flags += [f"--window-size={SIZE[0]},{SIZE[1]}", f"--virtual-time-budget={PATIENCE_MS}"]
        shot = [chromium(), *flags, f"--screenshot={target}", f"file://{folder}/page.html"]
        subprocess.run(shot, check=True, capture_output=True, timeout=120)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET))
