"""Joules as the processor itself counts them (Linux powercap, RAPL); nothing where it does not.

The counters are of whole packages, idle draw included: a figure is given only for a call to a model on this machine
that had the gateway to itself.
"""

from pathlib import Path

__all__ = ["POWERCAP", "Powercap"]

POWERCAP = Path("/sys/class/powercap")
MICRO = 1e6


class Powercap:
    """The energy counters of all packages.

    Args:
        folder: Where the kernel shows them; usually readable by root only.
    """

    def __init__(self, folder: Path = POWERCAP) -> None:
        self._folder = folder

    def read(self) -> dict[str, int]:
        """Microjoules by package; empty where there is no counter or none may be read."""
        found: dict[str, int] = {}
        for zone in sorted(self._folder.glob("intel-rapl:[0-9]*")):
            if zone.name.count(":") == 1:  # deeper ones are parts of a package and counted in it
                try:
                    found[zone.name] = int((zone / "energy_uj").read_text())
                except (OSError, ValueError):
                    return {}
        return found

    def joules(self, before: dict[str, int], after: dict[str, int]) -> float | None:
        """Joules between two readings; `None` where they cannot be compared. A counter that began anew is mended."""
        if not before or before.keys() != after.keys():
            return None
        total = 0
        for zone, began in before.items():
            total += after[zone] - began if after[zone] >= began else after[zone] - began + self._range(zone)
        return total / MICRO if total >= 0 else None

    def _range(self, zone: str) -> int:
        try:
            return int((self._folder / zone / "max_energy_range_uj").read_text())
        except (OSError, ValueError):
            return 0
