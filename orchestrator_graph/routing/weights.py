"""A classifier on disk: `weights.json` says what it is, `weights.npz` holds the arrays. No pickle, nothing executable.

The JSON names the SHA-256 of the arrays, the vector space, the candidates and the labels behind them.
"""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from orchestrator_graph.errors import ConfigError
from orchestrator_graph.routing.classifier import Classifier, Heads

__all__ = ["load_classifier", "save_classifier"]

FORMAT = 1
DESCRIPTION, ARRAYS = "weights.json", "weights.npz"
FLOATS = ("centre", "basis", "weights", "covariance")


def save_classifier(classifier: Classifier, folder: str | Path) -> None:
    """Writes both files, the description last: a save that was cut short is found out.

    Raises:
        ConfigError: The folder cannot be written.
    """
    heads = list(classifier.heads.values())
    held = io.BytesIO()
    np.savez(held, **{f"{i}.{name}": getattr(h, name) for i, h in enumerate(heads) for name in (*FLOATS, "counts")})
    described = [
        {"tenant": h.tenant, "space": h.space, "candidates": h.candidates, "gap": h.gap, "n": h.counts.tolist()}
        for h in heads
    ]
    about = {"format": FORMAT, "sha256": hashlib.sha256(held.getvalue()).hexdigest(), "heads": described}
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / ARRAYS).write_bytes(held.getvalue())
        (Path(folder) / DESCRIPTION).write_text(json.dumps(about, indent=1), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{folder}: the classifier cannot be written ({error})") from None


def load_classifier(folder: str | Path, space: str | None = None) -> Classifier:
    """The classifier that was saved.

    Args:
        folder: Where it was saved.
        space: Fingerprint of the embedder in use; `None` = not checked here (a foreign one just knows nothing).

    Raises:
        ConfigError: A file is missing, changed, of another format or vector space, or its arrays do not fit.
    """
    path = Path(folder) / DESCRIPTION
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        data = (Path(folder) / ARRAYS).read_bytes()
        if about["format"] != FORMAT:
            raise ConfigError(f"{path}: format {about['format']!r}, this version reads {FORMAT}; train it anew")
        if about["sha256"] != (found := hashlib.sha256(data).hexdigest()):
            raise ConfigError(f"{Path(folder) / ARRAYS}: sha256 is {found}, not {about['sha256']}: it was changed")
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            heads = [_heads(path, about["heads"][i], arrays, i) for i in range(len(about["heads"]))]
    except OSError as error:
        raise ConfigError(f"{folder}: no classifier can be read ({error})") from None
    except (ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{path}: damaged ({type(error).__name__}: {error}); train it anew") from None
    foreign = next((h.space for h in heads if space is not None and h.space != space), None)
    if foreign is not None:
        raise ConfigError(f"{path}: trained in the vector space {foreign!r}, the embedder in use makes {space!r}")
    return Classifier(heads)


def _heads(path: Path, about: dict[str, Any], arrays: Any, number: int) -> Heads:
    centre, basis, weights, covariance = (np.asarray(arrays[f"{number}.{name}"], np.float64) for name in FLOATS)
    counts = np.asarray(arrays[f"{number}.counts"], np.int64)
    m, d, k = len(about["candidates"]), centre.size, basis.shape[-1] + 1
    wanted = ((d,), (d, k - 1), (m, k), (m, k, k), (m,))
    found = tuple(a.shape for a in (centre, basis, weights, covariance, counts))
    if found != wanted or counts.tolist() != about["n"]:
        raise ConfigError(f"{path}: arrays of shapes {found} do not fit {m} candidates with n = {about['n']}")
    if not all(np.isfinite(a).all() for a in (centre, basis, weights, covariance)):
        raise ConfigError(f"{path}: the arrays hold numbers that are not finite")
    names = tuple(map(str, about["candidates"]))
    gap = bool(about["gap"])
    return Heads(str(about["tenant"]), str(about["space"]), names, gap, centre, basis, weights, covariance, counts)
