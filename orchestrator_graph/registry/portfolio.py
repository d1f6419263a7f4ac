"""`Portfolio`: the models that one may choose from."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping

from orchestrator_graph.errors import RegistryError
from orchestrator_graph.registry.spec import ModelSpec

__all__ = ["Portfolio"]


class Portfolio(Mapping[str, ModelSpec]):
    """The models one may choose from, by id, in the order given.

    Raises:
        RegistryError: Two specs carry the same id.
    """

    def __init__(self, specs: Iterable[ModelSpec], notes: Iterable[str] = ()) -> None:
        self._specs: dict[str, ModelSpec] = {}
        self.notes = tuple(notes)
        self._fingerprint = ""
        for spec in specs:
            if spec.id in self._specs:
                raise RegistryError(f"model {spec.id!r} is listed twice; give one of them another `alias`")
            self._specs[spec.id] = spec

    def __getitem__(self, key: str) -> ModelSpec:
        return self._specs[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)

    def fingerprint(self) -> str:
        """Stable short hash of ids, prices and capabilities."""
        if self._fingerprint:
            return self._fingerprint
        rows = [
            (
                s.id,
                s.is_local,
                str(s.price),
                s.context,
                sorted(s.capabilities or ()),
                str(dict(s.priors)),
                s.efforts,
                s.samples,
            )
            for s in self._specs.values()
        ]
        self._fingerprint = hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]
        return self._fingerprint
