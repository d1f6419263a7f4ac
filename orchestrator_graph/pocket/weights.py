"""The shipped weights: where they lie, what was measured of them, and one shared copy of each in memory."""

import hashlib
import json
import threading
from functools import cache
from pathlib import Path
from typing import Final, Literal, TypedDict

from orchestrator_graph.pocket.gguf import GgufError, parse_gguf
from orchestrator_graph.pocket.network import Network

PocketName = Literal["small", "medium", "maths", "text", "logic"]

NAMES: Final[tuple[PocketName, ...]] = ("small", "medium", "maths", "text", "logic")
FOLDER: Final = Path(__file__).parent
PORTFOLIO: Final = FOLDER / "portfolio.json"

_LOCK: Final = threading.Lock()
_NETWORKS: Final[dict[Path, Network]] = {}


class Prior(TypedDict):
    """An accuracy and the number of calibration tasks that it was measured on."""

    accuracy: float
    n: int


class Entry(TypedDict):
    """One model of the portfolio; `priors` is keyed by field ("maths") and by family ("add")."""

    name: str
    parameters: int
    file: str
    sha256: str
    context: int
    seed: int
    priors: dict[str, Prior]


@cache
def load_portfolio() -> dict[str, Entry]:
    """What is shipped, by model name. Priors come from the calibration split only; treat the result as read-only."""
    entries: list[Entry] = json.loads(PORTFOLIO.read_text(encoding="utf-8"))["models"]
    return {entry["name"]: entry for entry in entries}


def known(name: str) -> str:
    """The name, if there is such a model.

    Raises:
        ValueError: There is none; the message lists those that exist.
    """
    if name not in NAMES:
        raise ValueError(f"There is no pocket model {name!r}; there are {', '.join(NAMES)}.")
    return name


def weights_path(name: str) -> Path:
    """The GGUF file of a model.

    >>> weights_path("small").name
    'pocket-small.gguf'

    Raises:
        ValueError: No such model.
    """
    return FOLDER / f"pocket-{known(name)}.gguf"


def load_network(name: str) -> Network:
    """The model's network, read and verified at its first use and shared by all threads from then on.

    Raises:
        ValueError: No such model.
        GgufError: The file is not the one whose figures the portfolio states.
    """
    path = weights_path(name)
    with _LOCK:
        if path not in _NETWORKS:
            _NETWORKS[path] = read_verified(path, load_portfolio()[name]["sha256"])
        return _NETWORKS[path]


def read_verified(path: Path, sha256: str) -> Network:
    """The network in a file whose contents have the given digest.

    Raises:
        GgufError: Another digest, or no readable GGUF.
    """
    data = path.read_bytes()
    if (found := hashlib.sha256(data).hexdigest()) != sha256:
        raise GgufError(
            f"{path} has sha256 {found}, but the portfolio was measured with {sha256}. Reinstall the package, or run "
            "`python -m scripts.train_pocket --verify` if the weights were trained anew."
        )
    return Network.from_gguf(parse_gguf(data, path.name))


def modelfile(name: str) -> str:
    """An Ollama Modelfile beside which the model answers as it does in this process.

    `FROM` names the weights by absolute path. The default repeat penalty would forbid "noon", and more than one thread
    only makes models of this size slower.
    """
    path, context = weights_path(name), load_portfolio()[name]["context"]
    return (
        f"FROM {path}\n"
        'TEMPLATE """{{ .Prompt }}\n"""\n'
        f"PARAMETER num_ctx {context}\n"
        "PARAMETER repeat_penalty 1.0\n"
        "PARAMETER num_thread 1\n"
        "PARAMETER temperature 0\n"
    )
