"""The embedded pocket models as specs, read from the portfolio file that was written when they were trained."""

import json
from importlib import resources
from typing import Any

from orchestrator_graph.errors import RegistryError
from orchestrator_graph.registry.spec import ModelSpec, Price, Prior

__all__ = ["pocket_specs"]

FIELDS = ("maths", "text", "logic")
SECONDS_PER_TOKEN = 1 / 5_600
FIRST_TOKEN_S = 0.001


def pocket_specs() -> dict[str, ModelSpec]:
    """All pocket models by id, cheapest first.

    Raises:
        RegistryError: The weights are not in this installation.
    """
    file = resources.files("orchestrator_graph.pocket").joinpath("portfolio.json")
    if not file.is_file():
        raise RegistryError("the pocket models are missing from this installation. Reinstall orchestrator-graph")
    rows = json.loads(file.read_text(encoding="utf-8"))["models"]
    specs = [_spec(row) for row in sorted(rows, key=lambda row: int(row["parameters"]))]
    return {spec.id: spec for spec in specs}


def _spec(row: dict[str, Any]) -> ModelSpec:
    millions = row["parameters"] / 1e6
    priors = {
        name: Prior(found["accuracy"], found["n"], "measured when it was trained")
        for name, found in row["priors"].items()
    }
    fields = [priors[name].quality for name in FIELDS if name in priors]
    if fields and "*" not in priors:
        n = min(priors[name].n for name in FIELDS if name in priors)
        priors["*"] = Prior(sum(fields) / len(fields), n, "mean of its fields")
    return ModelSpec(
        f"pocket:{row['name']}",
        price=Price(millions, millions, source="parameters x tokens", billed=False),
        context=row["context"],
        capabilities=frozenset({"chat", "logprobs", "narrow"}),
        priors=priors,
        size_b=millions / 1e3,
        seconds_per_token=SECONDS_PER_TOKEN,
        first_token_s=FIRST_TOKEN_S,
        bytes_per_token=1.0,
    )
