"""Dear choices are doubted: two estimators, a second look at the text, a rate per user. Cheap ones never are."""

import random
from collections.abc import Sequence

import pytest

from orchestrator_graph.drive import drive
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.registry.spec import ModelSpec, Price
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.routing.estimator import Belief, Estimator
from orchestrator_graph.routing.front import steps
from orchestrator_graph.routing.robust import DearRate, second_look, trimmed
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Decision, Features

POOL = Portfolio(
    [ModelSpec(f"test:{name}", price=Price(p, p)) for name, p in (("cheap", 0.1), ("mid", 0.5), ("dear", 9))]
)
TASK = read_features("one two three four five six seven eight")


def says(remembered: bool = True, n: int = 20, **quality: float) -> Estimator:
    def estimator(features: Features, candidates: Sequence[Candidate], now: Situation) -> dict[str, Belief]:
        short = {c.id: c.id.removeprefix("test:") for c in candidates}
        return {i: Belief(quality[s], 0.05, n, "test", remembered) for i, s in short.items() if s in quality}

    return estimator


UP, DOWN = {"cheap": 0.2, "mid": 0.3, "dear": 0.95}, {"cheap": 0.9, "mid": 0.9, "dear": 0.9}
GENTLY_DOWN = {"cheap": 0.8, "mid": 0.8, "dear": 0.85}
AGREED = (says(**UP), says(remembered=False, **UP))


def made(*estimators: Estimator, policy: Policy | None = None, now: Situation | None = None) -> Decision:
    return decide("1", TASK, POOL, policy or Policy(), now or Situation(), estimators)


def first(decision: Decision) -> str:
    return decision.ranking[0].candidate.id


def test_two_that_agree_get_the_dear_one() -> None:
    assert first(made(*AGREED)) == "test:dear"


def test_one_against_another_does_not() -> None:
    decision = made(says(**UP), says(**GENTLY_DOWN))
    assert first(decision) == "test:mid"
    assert "two estimators must agree" in decision.why
    assert decision.ranking[1].candidate.id == "test:dear"


def test_a_lone_memory_is_not_believed_and_the_owners_own_word_is() -> None:
    assert first(made(says(**UP))) == "test:mid"
    assert first(made(says(remembered=False, **UP))) == "test:dear"


def test_all_that_is_remembered_is_one_source() -> None:
    assert first(made(says(**UP), says(**UP))) == "test:mid"


@pytest.mark.parametrize("known", [{"dear": 1.0}, {"cheap": 0.0, "mid": 0.0}])
def test_a_memory_of_one_side_alone_buys_no_dear_model(known: dict[str, float]) -> None:
    """Nor where a prior would give the dear one the benefit of the doubt."""
    priors = says(remembered=False, cheap=0.8, mid=0.8, dear=0.85)
    assert first(made(priors)) != "test:dear"
    for others in ((), (priors,)):
        decision = made(*others, *(says(n=200, **known) for _ in range(2)))
        assert steps(decision.ranking[0], decision.ranking) < 2


def test_who_knows_nothing_has_no_word() -> None:
    nothing = says(n=0, **GENTLY_DOWN)
    assert first(made(says(remembered=False, **UP), nothing)) == "test:dear"
    assert first(made(says(remembered=False, **UP), says(cheap=0.3))) == "test:dear"


def test_one_step_up_needs_nobody_else() -> None:
    assert first(made(says(cheap=0.2, mid=0.9, dear=0.9), says(**DOWN))) == "test:mid"


@pytest.mark.parametrize("policy", [Policy(tradeoff="best"), Policy(guard="strict"), Policy(pin="test:dear")])
def test_what_the_policy_itself_asks_for_is_not_doubted(policy: Policy) -> None:
    assert first(made(says(**UP), policy=policy)) == "test:dear"


def test_a_floor_that_only_one_says_needs_the_dear_one_takes_the_next() -> None:
    policy = Policy(min_quality=0.7)
    assert first(made(says(**UP), says(cheap=0.72, mid=0.72, dear=0.8), policy=policy)) == "test:mid"


def test_the_rate_of_dear_choices_is_kept_and_said() -> None:
    policy, both = Policy(dear_per_hour=2), AGREED
    assert first(made(*both, policy=policy, now=Situation(dear_used=1))) == "test:dear"
    for asked in (Policy(), Policy(tradeoff="best"), Policy(guard="strict")):
        decision = made(*both, policy=policy.overlaid(asked), now=Situation(dear_used=2))
        assert first(decision) == "test:mid"
        assert "dear choices an hour are used" in decision.why


def test_dear_choices_are_counted_by_user_for_an_hour() -> None:
    clock = [0.0]
    rate = DearRate(lambda: clock[0])
    for at, taken in ((0, True), (2000, True), (2001, False)):
        clock[0] = at
        assert rate.take("t", "ann", 2) is taken
    assert (rate.used("t", "ann"), rate.used("t", "bob"), rate.used("u", "ann")) == (2, 0, 0)
    assert rate.take("t", "bob", None)
    assert not rate.take("t", "eve", 0)
    clock[0] = 3700
    assert rate.used("t", "ann") == 1
    clock[0] = 9999
    assert rate.used("t", "ann") == 0


def looked(decision: Decision, other: Decision, policy: Policy | None = None) -> tuple[Decision, list[str]]:
    asked: list[str] = []

    async def again(text: str) -> Decision:
        asked.append(text)
        return other

    return drive(second_look(decision, TASK.text, policy or Policy(), again)), asked


def test_an_upward_flip_is_not_believed() -> None:
    dear, cheap = made(*AGREED), made(says(**DOWN))
    decision, asked = looked(dear, cheap)
    assert asked == ["two three four five six seven"]
    assert (first(decision), decision.usual) == ("test:cheap", "test:cheap")
    assert decision.propensities == {"test:cheap": 1.0}
    assert "not believed" in decision.why
    assert sorted(e.candidate.id for e in decision.ranking) == sorted(e.candidate.id for e in dear.ranking)


def test_a_dear_choice_that_stays_is_believed() -> None:
    dear = made(*AGREED)
    assert looked(dear, made(*AGREED))[0] is dear


def test_no_second_look_where_nothing_is_dear_or_the_policy_wants_it() -> None:
    cheap, dear = made(says(**DOWN)), made(*AGREED)
    assert looked(cheap, cheap) == (cheap, [])
    assert looked(dear, cheap, Policy(tradeoff="best")) == (dear, [])


def test_propensities_stay_exact_when_a_flip_is_undone() -> None:
    policy, both = Policy(explore=0.3, max_regret=1.0), AGREED
    rng = random.Random(3)
    drawn = [decide("1", TASK, POOL, policy, Situation(), both, rng) for _ in range(500)]
    cheap = made(says(**DOWN))
    settled = [looked(decision, cheap)[0] for decision in drawn]
    assert sum(settled[0].propensities.values()) == pytest.approx(1)
    assert settled[0].propensities["test:cheap"] == pytest.approx(0.8)
    for name, share in settled[0].propensities.items():
        assert sum(first(d) == name for d in settled) / len(settled) == pytest.approx(share, abs=0.07)


def test_trimming_leaves_short_texts_whole_and_cuts_characters_where_there_are_no_spaces() -> None:
    assert trimmed("What is 2 + 2?") == "What is 2 + 2?"
    assert trimmed("字" * 80) == "字" * 60
    assert trimmed("") == ""


def tool_loop(name: str, *estimators: Estimator, policy: Policy | None = None) -> Decision:
    return made(*estimators, policy=policy, now=Situation(sticky=name))


def test_inside_a_tool_loop_it_stays_or_moves_up() -> None:
    down = says(remembered=False, cheap=0.74, mid=0.75, dear=0.9)
    assert first(made(down, policy=Policy(tradeoff="cheap"))) == "test:cheap"
    stays = tool_loop("test:mid", down, policy=Policy(tradeoff="cheap"))
    assert [e.candidate.id for e in stays.ranking] == ["test:mid", "test:dear", "test:cheap"]
    assert "tool loop" in stays.why
    assert first(tool_loop("test:cheap", says(remembered=False, **UP))) == "test:dear"


def test_inside_a_tool_loop_nothing_is_left_to_chance() -> None:
    policy = Policy(explore=0.5, canary={"test:dear": 1.0}, max_regret=1.0)
    assert tool_loop("test:mid", says(**DOWN), policy=policy).propensities == {"test:mid": 1.0}


def test_when_the_one_in_use_may_not_be_asked_any_more_the_best_goes_on() -> None:
    policy = Policy(deny=["test:mid"], tradeoff="cheap")
    assert first(tool_loop("test:mid", says(remembered=False, cheap=0.8, dear=0.85), policy=policy)) == "test:dear"
