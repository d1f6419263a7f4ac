"""Random portfolios, tasks, policies, situations and remembered tasks, as hypothesis strategies."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.registry.spec import ModelSpec, Price, Prior
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Features, Member, Neighbour
from orchestrator_graph.types.history import History

NAMES = [f"{provider}:m{number}" for provider in ("openai", "ollama", "test") for number in range(3)]
TYPES = ["maths", "qa", "writing", "*"]
UNIT = st.floats(0, 1)
TEXTS = st.sampled_from(["Who wrote Faust?", "Add 47 and 38", "Write an essay about Rome", "Translate this page"])

priors = st.builds(Prior, UNIT, st.integers(0, 1000), st.just("test"))
prices = st.none() | st.builds(Price, st.floats(0, 50), st.floats(0, 50))


def spec_of(name: str) -> st.SearchStrategy[ModelSpec]:
    return st.builds(
        ModelSpec,
        st.just(name),
        local=st.none() | st.booleans(),
        price=prices,
        context=st.none() | st.integers(1, 10_000),
        capabilities=st.none() | st.frozensets(st.sampled_from(["tools", "json", "vision", "narrow"])),
        priors=st.dictionaries(st.sampled_from(TYPES), priors, max_size=3),
        tiers=st.frozensets(st.sampled_from(["small", "large"])),
        remote_host=st.sampled_from([None, None, "elsewhere.example"]),
        discovered=st.booleans(),
        efforts=st.sampled_from([(), ("low", "high")]),
        samples=st.sampled_from([(), (3,)]),
    )


names = st.lists(st.sampled_from(NAMES), unique=True, max_size=6)
portfolios = names.flatmap(lambda chosen: st.tuples(*map(spec_of, chosen))).map(Portfolio)
outcomes = st.lists(st.tuples(st.sampled_from(NAMES), UNIT, UNIT), max_size=4).map(tuple)
neighbours = st.builds(
    Neighbour,
    st.uuids().map(str),
    st.text(max_size=10),
    st.floats(-1, 1),
    user_id=st.sampled_from(["", "ann", "bob"]),
    task_type=st.sampled_from(["", "maths", "qa"]),
    outcomes=outcomes,
)
evidence = st.lists(neighbours, max_size=8).map(tuple)


@st.composite
def tasks(draw: Any) -> Features:
    needs = draw(st.lists(st.sampled_from(["tools", "vision"]), unique=True, max_size=2))
    return read_features(draw(TEXTS), tuple(needs))


policies = st.fixed_dictionaries(
    {},
    optional={
        "strategy": st.sampled_from(["auto", "route", "cascade", "best_of_n", "consensus", "fusion"]),
        "ensemble": st.sampled_from(["auto", "never", "always"]),
        "tradeoff": UNIT,
        "min_quality": UNIT,
        "cascade": st.lists(st.sampled_from(NAMES), max_size=4),
        "fault_tolerance": st.sampled_from(["low", "normal", "high"]),
        "allow": st.lists(st.sampled_from([*NAMES, "openai:*"]), max_size=3),
        "deny": st.lists(st.sampled_from([*NAMES, "ollama:*"]), max_size=3),
        "pin": st.sampled_from(NAMES),
        "tier": st.sampled_from(["small", "large"]),
        "guard": st.sampled_from(["prior", "strict"]),
        "explore": st.floats(0, 0.5),
        "max_regret": UNIT,
        "canary": st.dictionaries(st.sampled_from([*NAMES, "openai:*"]), st.floats(0, 0.3), max_size=3),
        "trial": st.sampled_from([{}, {"share": 0.4, "tradeoff": 0.9}, {"share": 1.0, "guard": "strict"}]),
        "latency_slo_s": st.floats(0.1, 10),
        "dear_per_hour": st.integers(0, 3),
    },
).map(lambda fields: Policy(**fields))

ENSEMBLES = st.lists(st.sampled_from(NAMES), min_size=2, max_size=3, unique=True).map(
    lambda chosen: Candidate("consensus", tuple(Member(name) for name in chosen))
)
gains = st.dictionaries(ENSEMBLES, st.tuples(st.floats(-1, 1), st.floats(0, 0.5), st.integers(30, 500)), max_size=3)


def _hopeful(names: Sequence[str], quality: Sequence[float], costs: Sequence[float]) -> list[float]:
    """As if the answers of every second candidate could be checked."""
    return [q - c * (place % 2) for place, (_, q, c) in enumerate(zip(names, quality, costs, strict=True))]


MONEY = st.none() | st.integers(0, 10_000_000)
speeds = st.dictionaries(st.sampled_from(NAMES), st.tuples(st.floats(0, 5), st.floats(0, 0.1), st.integers(1, 9)))
situations = st.builds(
    Situation,
    private=st.booleans(),
    left_nusd=MONEY,
    found_left_nusd=MONEY,
    left_s=st.none() | st.floats(0, 20),
    healthy=st.dictionaries(st.sampled_from(NAMES), st.booleans()),
    speeds=speeds,
    context_bytes=st.integers(0, 20_000),
    neighbours=evidence,
    run_id=st.sampled_from(["", "r1", "r2"]),
    sticky=st.none() | st.sampled_from(NAMES),
    per_nusd=st.none() | st.floats(0, 1e-6),
    dear_used=st.integers(0, 3),
    gains=gains,
    ahead=st.sampled_from([None, _hopeful]),
)


def _history(n: int = 60, dimension: int = 8) -> History:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(n, dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    tried = rng.random((n, len(NAMES))) < 0.4
    tried[:, 0] = True
    scores = np.where(tried, (rng.random((n, len(NAMES))) < 0.7).astype(float), np.nan)
    return History(
        vectors=vectors,
        scores=scores,
        weights=np.where(tried, rng.choice([0.2, 0.5, 1.0], size=tried.shape), 0.0),
        candidates=tuple(sorted(NAMES)),
        task_types=tuple(rng.choice(["maths", "qa"], size=n).tolist()),
        users=tuple(rng.choice(["", "ann", "bob"], size=n).tolist()),
        times=1e9 + np.arange(n, dtype=np.float64),
        space="test-8",
    )


HISTORY = _history()


@st.composite
def learnt_situations(draw: Any) -> Situation:
    """A situation whose vector lies in the space of `HISTORY`, or in none."""
    row = draw(st.integers(-1, len(HISTORY) - 1))
    vector = None if row < 0 else HISTORY.vectors[row]
    return replace(draw(situations), vector=vector, space="test-8", user_id=draw(st.sampled_from(["", "ann", "eve"])))
