"""A deciding model is asked through the gateway or as it is; its answers count for little until they proved right."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator_graph import Price
from orchestrator_graph.errors import InputError, RegistryError
from orchestrator_graph.routing.decider import ASKED_N, Decider
from tests.graph.support import model
from tests.unit.deciding import TASK, ask

MODES = pytest.mark.parametrize("mode", ["sync", "async"])


def judge_of(text: str) -> str:
    """Says yes of the model that the question calls `test:good`."""
    return "Yes" if "Model: test:good" in text else "no."


GOOD, BAD = model("good", price=2.0), model("bad", price=1.0)


@MODES
def test_each_candidate_is_asked_about_and_the_calls_are_billed(mode: str) -> None:
    judge = model("judge", judge_of, price=1.0)
    out = ask(Decider("test:judge"), GOOD, BAD, judge, mode=mode)
    assert out["now"].answers == {
        "test:good": (pytest.approx(2 / 3), ASKED_N),
        "test:bad": (pytest.approx(1 / 3), ASKED_N),
        "test:judge": (pytest.approx(1 / 3), ASKED_N),
    }
    assert [call["purpose"] for call in out["calls"].values()] == ["decide"] * 3
    assert all(call["cost_nusd"] > 0 and call["failure"] is None for call in out["calls"].values())


@MODES
@pytest.mark.parametrize(("asking", "reply"), [("choice", "A"), ("score", '{"A": 90, "B": 20, "C": 40}')])
def test_a_choice_and_scores_take_one_call(asking: Any, reply: str, mode: str) -> None:
    judge = model("judge", reply)
    out = ask(Decider("test:judge", ask=asking), GOOD, BAD, judge, mode=mode)
    answers = {name: p for name, (p, _) in out["now"].answers.items()}
    assert len(out["calls"]) == 1
    assert max(answers, key=lambda name: answers[name]) == "test:good"
    if asking == "score":
        assert answers == {"test:good": 0.9, "test:bad": 0.2, "test:judge": 0.4}


@pytest.mark.parametrize(
    ("style", "said"),
    [
        ("descriptions", "A: test:good (in the cloud, $2 / $2 per million tokens in / out, can: chat, "),
        ("figures", "A: test:good: right in 50 % of maths tasks (+- 29, seen 0 times), for $0.000"),
    ],
)
def test_the_question_describes_the_models_or_gives_their_figures(style: Any, said: str) -> None:
    judge = model("judge", "A")
    ask(Decider("test:judge", ask="choice", style=style), GOOD, BAD, judge)
    (question,) = judge.model.seen
    assert said in question
    assert TASK.text in question


@MODES
@pytest.mark.parametrize("reply", ["", "I cannot say.", '{"Z": 3}'])
def test_a_useless_reply_is_no_belief_and_still_billed(reply: str, mode: str) -> None:
    for asking in ("yes_no", "choice", "score"):
        out = ask(Decider("test:judge", ask=asking), GOOD, BAD, model("judge", reply), mode=mode)  # type: ignore[arg-type]
        assert out["now"].answers == {}
        assert out["calls"]


@MODES
def test_a_failing_decider_is_no_belief_but_a_failed_call(mode: str) -> None:
    def fails(_: str) -> str:
        raise ConnectionRefusedError("refused")

    out = ask(Decider("test:judge", ask="choice"), GOOD, BAD, model("judge", fails), mode=mode)
    assert out["now"].answers == {}
    assert [call["failure"]["kind"] for call in out["calls"].values()] == ["connection"]


def test_private_text_is_shown_to_local_deciders_only() -> None:
    pool = [replace(spec, local=True) for spec in (GOOD, BAD)]
    far, near = model("judge", "A"), replace(model("judge", "A"), local=True)
    out = ask(Decider("test:judge", ask="choice"), *pool, far, private=True)
    assert (out["now"].answers, far.model.seen) == ({}, [])
    assert [call["failure"]["kind"] for call in out["calls"].values()] == ["privacy"]
    assert ask(Decider("test:judge", ask="choice"), *pool, near, private=True)["now"].answers


def test_it_is_off_unless_asked_for_and_not_asked_where_nothing_is_open() -> None:
    judge = model("judge", "A")
    for decider, policy in (
        (None, {}),
        (Decider("test:judge"), {"pin": "test:bad"}),
        (Decider("test:judge"), {"allow": ["test:bad"]}),
    ):
        out = ask(decider, GOOD, BAD, judge, **policy)
        assert (out["now"].answers, out["calls"], judge.model.seen) == ({}, {}, [])


def test_an_unknown_decider_or_a_chat_model_says_what_is_right() -> None:
    with pytest.raises(RegistryError, match="no model 'test:none' in the portfolio"):
        ask(Decider("test:none"), GOOD, BAD)
    with pytest.raises(InputError, match="put a chat model into the portfolio and give its id"):
        Decider(GOOD.model)
    with pytest.raises(InputError, match=r"decider.ask: 'maybe' is none of yes_no, choice, score"):
        Decider("test:judge", ask="maybe")  # type: ignore[arg-type]


@dataclass
class Oracle:
    """Shaped like `langchain_core.decisions.BaseDecisionModel`: a subclass of it looks just so from outside."""

    model: str = "systemone"
    error: Exception | None = None
    blind: bool = False
    seen: list[Any] = field(default_factory=list)

    def invoke(self, request: dict[str, Any], config: Any = None) -> Any:
        self.seen.append(request)
        if self.error is not None:
            raise self.error
        answers = {} if self.blind else {name: self._answer(q) for name, q in request["questions"].items()}
        return SimpleNamespace(model=self.model, answers=answers, usage={"input_tokens": 100, "output_tokens": 10})

    async def ainvoke(self, request: dict[str, Any], config: Any = None) -> Any:
        return self.invoke(request, config)

    @staticmethod
    def _answer(question: Any) -> Any:
        if question.type == "choice":
            return SimpleNamespace(type="choice", choice="A", probabilities={"A": 0.75, "B": 0.25})
        if question.type == "score":
            return SimpleNamespace(type="score", score=4.0 if "test:good" in str(question.instructions) else 1.0)
        return SimpleNamespace(type="noul", noul=0.9 if "test:good" in str(question.instructions) else 0.3)


@MODES
@pytest.mark.parametrize(
    ("asking", "good", "bad"), [("yes_no", 0.9, 0.3), ("choice", 0.6, 1 / 3), ("score", 1.0, 0.25)]
)
def test_a_decision_model_is_asked_as_it_is(asking: Any, good: float, bad: float, mode: str) -> None:
    oracle = Oracle()
    out = ask(Decider(oracle, ask=asking, price=Price(1.0, 2.0)), GOOD, BAD, mode=mode)
    answers = {name: p for name, (p, _) in out["now"].answers.items()}
    assert answers == {"test:good": pytest.approx(good), "test:bad": pytest.approx(bad)}
    assert oracle.seen[0]["state"] == TASK.text
    (call,) = out["calls"].values()
    assert (call["model"], call["purpose"], call["cost_nusd"]) == ("decider:systemone", "decide", 120_000)
    assert call["billed"] and call["cost_measured"]


@MODES
@pytest.mark.parametrize(
    ("oracle", "options", "policy", "kind", "asked"),
    [
        (Oracle(error=ConnectionRefusedError("x")), {}, {}, "connection", 1),
        (Oracle(blind=True), {}, {}, "bad_response", 1),
        (Oracle(), {}, {"max_cost_usd": 1.0}, "budget", 0),
        (Oracle(), {"price": Price(1e6, 1e6)}, {"max_cost_usd": 1.0}, "budget", 0),
        (Oracle(), {"price": Price(1, 1)}, {"private": True}, "privacy", 0),
    ],
)
def test_a_decision_model_obeys_the_same_rules(
    oracle: Oracle, options: Any, policy: Any, kind: str, asked: int, mode: str
) -> None:
    oracle.seen.clear()
    pool = [replace(spec, local=True) for spec in (GOOD, BAD)]
    out = ask(Decider(oracle, **options), *pool, mode=mode, **policy)
    assert out["now"].answers == {}
    assert [call["failure"]["kind"] for call in out["calls"].values()] == [kind]
    assert len(oracle.seen) == asked
