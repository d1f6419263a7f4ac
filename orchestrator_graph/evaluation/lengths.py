"""How long answers are expected to be where a model never answered that type of task: as long as the others' were.

An audit asks the reference on every type of task, the others only where they were chosen. Without this the reference,
alone measured, would look cheap beside general guesses about the others.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from orchestrator_graph.registry.portfolio import Portfolio

__all__ = ["filled"]

Appetites = Mapping[tuple[str, str], tuple[float, int]]


def filled(
    appetites: Appetites, portfolio: Portfolio, kinds: Iterable[str]
) -> dict[tuple[str, str], tuple[float, int]]:
    """The remembered (mean answer tokens, n), and for each gap the mean over those who answered that type.

    Bytes are compared, since tokenizers differ; models that reason are told from those that do not.

    Args:
        appetites: (model, task type) -> (mean answer tokens, n).
        portfolio: The models.
        kinds: Task types.
    """
    heard: defaultdict[tuple[str, bool], list[tuple[float, int]]] = defaultdict(list)
    for (name, kind), (tokens, n) in appetites.items():
        if n and name in portfolio:
            spec = portfolio[name]
            heard[kind, spec.has("reasoning")].append((tokens * spec.bytes_per_token, n))
    made = dict(appetites)
    for kind in kinds:
        for name, spec in portfolio.items():
            others = heard[kind, spec.has("reasoning")]
            if others and not made.get((name, kind), (0.0, 0))[1]:
                n = sum(count for _, count in others)
                size = sum(bytes_ * count for bytes_, count in others) / n
                made[name, kind] = (size / spec.bytes_per_token, n)
    return made
