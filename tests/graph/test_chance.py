"""What keeps dear choices rare, and who is sent to a new model by lot: through runs, and as the ledger has it."""

import json
import math
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from orchestrator_graph import ModelSpec, Policy
from orchestrator_graph.routing.estimator import Belief
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Features
from tests.graph.remembered import decided
from tests.graph.support import model, orchestrated, run

ASK = "Who wrote Faust?"


def pool() -> list[ModelSpec]:
    return [model("cheap", "ok", 0.6, 1.0), model("dear", "ok", 0.95, 20.0)]


def test_a_user_has_so_many_dear_choices_an_hour(mode: str) -> None:
    with orchestrated(*pool()) as orc:
        policy = Policy(user_id="ann", dear_per_hour=2)
        results = [run(orc, mode, ASK, policy)["results"]["1"] for _ in range(3)]
        assert [r["candidate"] for r in results] == ["test:dear", "test:dear", "test:cheap"]
        assert "this user's 2 dear choices an hour are used" in results[2]["why"]
        assert decided(orc, mode, ASK, user_id="ann", dear_per_hour=2).ranking[0].candidate.id == "test:cheap"
        for other in ({"user_id": "bob"}, {"user_id": "ann", "tenant": "b"}):
            result = run(orc, mode, ASK, Policy(dear_per_hour=2, **other))["results"]["1"]
            assert result["candidate"] == "test:dear"


def test_of_many_at_once_only_so_many_get_the_dear_one() -> None:
    dear = model("dear", "ok", 0.95, 20.0)
    policy = Policy(user_id="ann", dear_per_hour=1, decompose="never")
    with orchestrated(model("cheap", "ok", 0.6, 1.0), dear, policy=policy) as orc, ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda i: run(orc, "sync", f"Who wrote book {i}?")["results"]["1"], range(8)))
    assert Counter(r["candidate"] for r in results) == {"test:dear": 1, "test:cheap": 7}
    assert len(dear.model.seen) == 1


def failing(asked: str) -> str:
    raise RuntimeError("bad")


@pytest.mark.parametrize(("limit", "cheap"), [(0, failing), (0, "dunno"), (1, failing), (1, "dunno")], ids=str)
def test_neither_fail_over_nor_escalation_goes_above_the_rate(mode: str, limit: int, cheap: Any) -> None:
    dear = model("dear", "42", 0.82, 20.0)
    policy = Policy(user_id="ann", dear_per_hour=limit, tradeoff="cheap")
    with orchestrated(model("cheap", cheap, 0.8, 1.0), dear, policy=policy) as orc:
        results = [run(orc, mode, f"Multiply {n} by 7")["results"]["1"] for n in (6, 5, 4)]
    assert len(dear.model.seen) == limit
    assert [r["candidate"] for r in results] == ["test:dear"] * limit + ["test:cheap"] * (3 - limit)


def by_words(features: Features, candidates: Sequence[Candidate], now: Situation) -> Mapping[str, Belief]:
    """An estimator that takes the dear model for whatever speaks of theorems."""
    hard = "theorem" in features.text
    good = {"test:cheap": 0.5 if hard else 0.9, "test:dear": 0.95}
    return {c.id: Belief(good[c.id], 0.02, 100, "words") for c in candidates}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("theorem lemma tell me in a few words who wrote the tragedy about Faust and the devil please", "test:cheap"),
        ("tell me in a few words who first stated the theorem about the angles of any flat triangle", "test:dear"),
    ],
)
def test_padding_at_the_ends_buys_no_dear_model(tmp_path: Path, mode: str, text: str, name: str) -> None:
    with orchestrated(*pool(), estimators=[by_words], memory=tmp_path) as orc:
        decision, result = decided(orc, mode, text), run(orc, mode, text)["results"]["1"]
    assert decision.ranking[0].candidate.id == result["candidate"] == name
    for why in (decision.why, result["why"], stored(tmp_path)[0]["why"]):
        assert ("so test:dear is not believed" in why) == (name == "test:cheap")
    assert decision.propensities == {name: 1.0}


def stored(folder: Path) -> list[dict[str, Any]]:
    """The ledger's decisions, oldest first, as any other program reads them."""
    connection = sqlite3.connect(next(folder.glob("*.sqlite*")))
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute("SELECT * FROM decisions ORDER BY created_at")]
    finally:
        connection.close()


def test_a_canary_gets_its_share_of_users_who_stay_with_it(mode: str) -> None:
    share, users = 0.2, [f"user {number}" for number in range(200)]
    policy = {"canary": {"test:new": share}}
    with orchestrated(model("old", quality=0.9), model("new", quality=0.5)) as orc:
        decisions = {user: decided(orc, mode, ASK, user_id=user, **policy) for user in users}
        chosen = {user: decision.ranking[0].candidate.id for user, decision in decisions.items()}
        for user in users[:3]:  # a run draws the user's lot again
            assert (
                run(orc, mode, ASK, Policy(user_id=user, canary={"test:new": share}))["results"]["1"]["candidate"]
                == chosen[user]
            )
        assert decided(orc, mode, ASK, user_id=users[0], private=False).propensities == {"test:old": 1.0}
    count = Counter(chosen.values())["test:new"]
    assert abs(count - 200 * share) <= 3.3 * math.sqrt(200 * share * (1 - share))  # 1 of 1,000 fair draws is outside
    assert all(d.propensities == pytest.approx({"test:new": 0.2, "test:old": 0.8}) for d in decisions.values())
    assert all(("canary: 20% of the traffic" in d.why) == (chosen[u] == "test:new") for u, d in decisions.items())


def test_the_ledger_keeps_with_which_probability_each_was_chosen(tmp_path: Path, mode: str) -> None:
    lots = [
        {},
        {"explore": 0.4, "max_regret": 1.0},
        {"canary": {"test:b": 0.25}},
        {"explore": 0.2, "max_regret": 1.0, "canary": {"test:b": 0.25}, "trial": {"share": 0.5, "tradeoff": 0.0}},
    ]
    with orchestrated(model("a", quality=0.9), model("b", quality=0.85), model("c"), memory=tmp_path) as orc:
        out = [run(orc, mode, ASK, Policy(**lot))["results"]["1"] for lot in lots for _ in range(2)]
    rows = {row["id"]: row for row in stored(tmp_path)}
    assert len(rows) == 8
    for result in out:
        row = rows[result["decision"]["id"]]
        shares = json.loads(row["propensities"])
        assert sum(shares.values()) == pytest.approx(1.0)
        assert shares == result["decision"]["propensities"]
        assert row["chosen"] == result["candidate"]
        assert 0 < shares[row["chosen"]] <= 1
    assert [len(r["decision"]["propensities"]) for r in out] == [1, 1, 3, 3, 2, 2, 3, 3]
