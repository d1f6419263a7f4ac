"""What an ensemble gained over its best member, on remembered answers: votes are replayed, nobody is asked again."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.confidence.agreement import Voice
from orchestrator_graph.confidence.calibration import Calibration
from orchestrator_graph.confidence.collisions import Collisions
from orchestrator_graph.confidence.in_hand import in_hand
from orchestrator_graph.confidence.labels import plain_belief
from orchestrator_graph.confidence.normalise import form_of
from orchestrator_graph.types import Candidate, Member
from orchestrator_graph.types.history import History

__all__ = ["Gain", "Replay"]

Array = NDArray[np.float64]
Gain = tuple[float, float, int]
"""Points of quality in [-1, 1] over the best member, standard error, and on how many tasks."""

RECENT = 500
"""So many of the newest tasks are replayed; with five models that is about a second, off the request path."""
VOTERS = 4
"""The models tried most often of which consensuses of two and three are replayed."""
LEAST = 30
"""Tasks below which nothing is said."""
NAMED = re.compile(r"(best_of_(\d+)|consensus|fusion)\((.+)\)")


@dataclass(slots=True)
class Replay:
    """Learns gains per tenant, vector space and task type; `""` is over all types.

    Consensuses are replayed on what their members said; of best-of-n and fusion there are only their own outcomes.
    """

    calibration: Calibration
    collisions: Collisions
    _known: dict[tuple[str, str], dict[tuple[Candidate, str], Gain]] = field(default_factory=dict)

    def learn(self, history: History) -> None:
        """Replaces what was learnt; calibration and collisions must have learnt from this history before."""
        place = history.tenant, history.space
        self._known[place] = {}
        if not len(history):
            return
        right = np.where(history.trusted, history.scores, np.nan)
        types = np.array(history.task_types)
        for candidate, score in [*self._own(history, right), *self._replayed(history, right)]:
            columns = [history.candidates.index(m.model) for m in candidate.members if m.model in history.candidates]
            if not columns:
                continue
            for kind in ("", *set(history.task_types)):
                rows = ~np.isnan(score) & ~np.isnan(right[:, columns]).any(axis=1) & ((types == kind) | (kind == ""))
                if rows.sum() >= LEAST:
                    self._known[place][candidate, kind] = _gain(score[rows], right[rows][:, columns])

    def gains(self, task_type: str, tenant: str = "default", space: str = "") -> Mapping[Candidate, Gain]:
        """Ensemble -> what it gained on this type of task, else on all."""
        known = self._known.get((tenant, space or self.calibration.space(tenant)), {})
        ensembles = {candidate for candidate, _ in known}
        return {c: known[c, task_type] if (c, task_type) in known else known[c, ""] for c in ensembles}

    def _own(self, history: History, right: Array) -> list[tuple[Candidate, Array]]:
        found = [(_read(name), right[:, place]) for place, name in enumerate(history.candidates)]
        return [(candidate, score) for candidate, score in found if candidate is not None]

    def _replayed(self, history: History, right: Array) -> list[tuple[Candidate, Array]]:
        if not history.said.size:
            return []
        plain = [place for place, name in enumerate(history.candidates) if _read(name) is None and "@" not in name]
        often = sorted(plain, key=lambda place: -int((~np.isnan(right[:, place])).sum()))[:VOTERS]
        believed = plain_belief(history)
        made = []
        for group in (g for size in (2, 3) for g in combinations(sorted(often), size)):
            score = np.full(len(history), np.nan)
            both = ~np.isnan(right[:, group]).any(axis=1) & (history.said[:, group] != "").all(axis=1)
            for row in np.flatnonzero(both)[-RECENT:]:
                score[row] = right[row, self._winner(history, int(row), group, believed)]
            made.append((Candidate("consensus", tuple(Member(history.candidates[c]) for c in group)), score))
        return made

    def _winner(self, history: History, row: int, group: Sequence[int], believed: Array) -> int:
        kind, place, form = history.task_types[row], (history.tenant, history.space), ""
        voices = []
        for column in group:
            signals = {n: float(v[row, column]) for n, v in history.signals.items() if not np.isnan(v[row, column])}
            name, key = history.candidates[column], str(history.said[row, column])
            own = self.calibration.confidence(name, kind, signals, float(believed[row, column]), *place)
            voices.append(Voice(name, key, own.probability))
            form = form_of(key)
        sure = in_hand(voices, form, lambda a, b: self.collisions.rate(a, b, form, *place, kind))
        return group[max(range(len(group)), key=sure.__getitem__)]


def _gain(score: Array, members: Array) -> Gain:
    """Over the member that was best on these tasks."""
    extra = score - members[:, int(np.argmax(members.mean(axis=0)))]
    spread = max(float(extra.std()), 1 / len(extra) ** 0.5)
    return float(extra.mean()), spread / len(extra) ** 0.5, len(extra)


def _read(name: str) -> Candidate | None:
    """The ensemble of this id; `None` for a single model.

    >>> _read("best_of_3(ollama:qwen3:4b)").members
    (Member(model='ollama:qwen3:4b', samples=3, effort=None),)
    """
    found = NAMED.fullmatch(name)
    if found is None:
        return None
    names = found.group(3).split(", ")
    if found.group(2):
        return Candidate("best_of_n", (Member(names[0], int(found.group(2))),)) if len(names) == 1 else None
    return Candidate("fusion" if name.startswith("fusion") else "consensus", tuple(Member(n) for n in names))
