"""Where a user's own files live, by the platform's custom."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

__all__ = ["user_folder"]

APP = "orchestrator-graph"


def user_folder(kind: Literal["config", "data"], environ: Mapping[str, str]) -> Path:
    """Where this user's config or data lives, by the platform's custom. Creates nothing."""
    home = Path(environ.get("HOME") or environ.get("USERPROFILE") or "~").expanduser()
    if sys.platform == "win32":
        return Path(environ.get("APPDATA" if kind == "config" else "LOCALAPPDATA") or home) / APP
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / APP
    variable, usual = {"config": ("XDG_CONFIG_HOME", ".config"), "data": ("XDG_DATA_HOME", ".local/share")}[kind]
    return Path(environ.get(variable) or home / usual) / APP
