"""What a review found and may not come back: acceptance after failure, early stops, blind judges, lost text."""

from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from orchestrator_graph import Policy
from orchestrator_graph.nodes.free_evidence import _echo
from tests.graph.support import model, orchestrated, run


def test_models_that_all_differ_convince_nobody(mode: str) -> None:
    pool = [model("a", "41", 0.8), model("b", "43", 0.8), model("c", "42", 0.8)]
    with orchestrated(*pool) as orc:
        out = run(orc, mode, "Multiply 6 by 7", Policy(strategy="consensus"))
    assert out["results"]["1"]["status"] == "unsure"
    assert out["bill"]["calls"] == 3


def test_a_third_voice_that_agrees_with_one_settles_it(mode: str) -> None:
    pool = [model("a", "41", 0.8), model("b", "42", 0.8), model("c", "42", 0.79)]
    with orchestrated(*pool) as orc:
        out = run(orc, mode, "Multiply 6 by 7", Policy(strategy="consensus", min_confidence=0.5))
    assert out["results"]["1"]["answer"] == "42"


def test_scattered_samples_are_not_drawn_again(mode: str) -> None:
    with orchestrated(model("only", ["41", "42", "43", "44"])) as orc:
        out = run(orc, mode, "Multiply 6 by 7", Policy(strategy="best_of_n"))
    assert out["results"]["1"]["status"] == "unsure"
    assert out["bill"]["calls"] == 3


def test_the_sole_voice_of_a_consensus_is_not_one(mode: str) -> None:
    with orchestrated(model("a", "42", 0.8), model("b", "", 0.8)) as orc:
        out = run(orc, mode, "Multiply 6 by 7", Policy(strategy="consensus"))
    assert out["results"]["1"]["status"] == "unsure"


def test_a_judge_picks_among_prose_and_its_word_counts(mode: str) -> None:
    joke = "A {} joke that is quite long, so long that no two of them could ever be equal word for word"
    writer = model("writer", [joke.format(n) for n in ("first", "second", "third")], 0.9)
    critic = model("critic", quality=0.5, judges=lambda asked: 0.95 if "second" in asked else 0.2)
    with orchestrated(writer, critic) as orc:
        out = run(orc, mode, "Tell a joke", Policy(strategy="best_of_n", tradeoff="best"))
    assert "second" in out["results"]["1"]["answer"]
    assert out["results"]["1"]["status"] == "accepted"


def test_a_judge_that_picked_is_not_paid_again(mode: str) -> None:
    joke = "A {} joke that is quite long, so long that no two of them could ever be equal word for word"
    writer = model("writer", [joke.format(n) for n in ("first", "second", "third")], 0.9)
    critic = model("critic", quality=0.85, judges=0.95)
    with orchestrated(writer, critic) as orc:
        policy = Policy(strategy="best_of_n", tradeoff="best", fault_tolerance="low")
        out = run(orc, mode, "Tell a joke", policy)
    assert [line["calls"] for line in out["bill"]["lines"] if line["purpose"] == "judge"] == [3]


def test_a_refusal_moves_on_even_to_a_lesser_model(mode: str) -> None:
    pool = [model("dear", "I'm sorry, I can't help with that.", 0.95), model("cheap", "A horse walks into a bar.", 0.6)]
    with orchestrated(*pool) as orc:
        out = run(orc, mode, "Tell a joke", Policy(tradeoff="best"))
    assert out["results"]["1"]["candidate"] == "test:cheap"


def test_failover_walks_to_the_end(mode: str) -> None:
    pool = [model(f"down{i}", "", 0.9 - i / 100) for i in range(6)] + [model("up", "fine", 0.3)]
    with orchestrated(*pool) as orc:
        out = run(orc, mode, "Tell a joke", Policy(tradeoff="best"))
    assert out["results"]["1"]["candidate"] == "test:up"
    assert out["bill"]["failed_calls"] == 6


def test_low_fault_tolerance_without_a_judge_is_unsure(mode: str) -> None:
    with orchestrated(model("only", "a joke", 0.95)) as orc:
        out = run(orc, mode, "Tell a joke", Policy(fault_tolerance="low"))
    assert out["results"]["1"]["status"] == "unsure"


def test_low_fault_tolerance_never_falls_back_on_a_weak_model(mode: str) -> None:
    with orchestrated(model("strong", "", 0.9), model("weak", "fine", 0.3)) as orc:
        out = run(orc, mode, "Tell a joke", Policy(fault_tolerance="low"))
    assert out["results"]["1"]["status"] == "failed"
    assert out["results"]["1"]["decision"]["excluded"][0]["constraint"] == "fault_tolerance"


def test_the_judge_sees_the_answers_that_a_brief_refers_to(mode: str) -> None:
    writer = model("writer", lambda asked: "nretnal" if "Reverse" in asked else "2", 0.9)
    critic = model("critic", quality=0.85, judges=0.9)
    with orchestrated(writer, critic) as orc:
        policy = Policy(fault_tolerance="low", tradeoff="best")
        run(orc, mode, "Reverse lantern, then count the letter n in the result", policy)
    assert any("Count the letter n in nretnal" in asked for asked in critic.model.seen)


def test_the_last_step_does_not_swallow_the_others(mode: str) -> None:
    scripted = model("all", lambda asked: "SUBJECT" if "subject line" in asked else "DRAFT " * 60)
    with orchestrated(scripted) as orc:
        out = run(orc, mode, "Draft an email to the landlord, then suggest a subject line for it")
    assert "DRAFT" in out["messages"][-1].content
    assert "SUBJECT" in out["messages"][-1].content


def test_a_thread_without_a_checkpointer_asks_nobody(mode: str) -> None:
    with orchestrated(model("only", "dunno")) as orc:
        out = run(orc, mode, "Multiply 6 by 7", Policy(human="ask"), configurable={"thread_id": "t"})
    assert out["results"]["1"]["status"] == "unsure"


def test_a_private_turn_keeps_its_thread_private(mode: str) -> None:
    cloud, home = model("cloud", "c", 0.9), model("home", "h", 0.6, local=True)
    thread = {"configurable": {"thread_id": "t"}}
    with orchestrated(cloud, home, checkpointer=InMemorySaver()) as orc:
        run(orc, mode, "My secret is 7", Policy(private=True), **thread)
        out = run(orc, mode, "Tell a joke", Policy(tradeoff="best"), **thread)
    assert cloud.model.seen == []
    assert out["results"]["1"]["candidate"] == "test:home"


def test_personal_data_in_earlier_blocks_is_seen() -> None:
    from langchain_core.messages import AIMessage, HumanMessage

    cloud, home = model("cloud", "c", 0.9), model("home", "h", 0.6, local=True)
    history = [HumanMessage([{"type": "text", "text": "I am jo@example.org"}]), AIMessage("hi")]
    with orchestrated(cloud, home) as orc:
        orc.graph.invoke({"messages": [*history, HumanMessage("Tell a joke")]}, context=Policy(tradeoff="best"))
    assert cloud.model.seen == []


def test_other_users_words_are_not_shown() -> None:
    with orchestrated(model("only", "85")) as orc:
        orc.run("Add 47 and 38 for my divorce lawyer", {"user_id": "alice"})
        out = orc.run("Add 47 and 38 for my divorce lawyer", {"user_id": "bob"})
    near = out["results"]["1"]["decision"]["neighbours"]
    assert [item["text"] for item in near] == [""]
    assert "(private)" in out["results"]["1"]["why"]


def test_a_copy_of_the_graph_outlives_the_first() -> None:
    import gc

    from orchestrator_graph import create_orchestrator

    copy = create_orchestrator([model("only", "fine")]).with_config(tags=["x"])
    gc.collect()
    assert copy.invoke({"messages": [("user", "Tell a joke")]})["messages"][-1].content == "fine"


def test_a_graph_that_nobody_holds_goes_with_its_threads() -> None:
    import gc
    import threading

    from orchestrator_graph import create_orchestrator

    def ours() -> int:
        return sum("orchestrator" in thread.name for thread in threading.enumerate())

    before = ours()
    for _ in range(3):
        graph = create_orchestrator([model("only", "fine")])
        graph.invoke({"messages": [("user", "Tell a joke")]})
    del graph
    gc.collect()
    assert ours() <= before


def test_a_parents_own_fields_are_not_our_policy(mode: str) -> None:
    from orchestrator_graph.nodes.analyzer import in_force

    factory = Policy(private=True)
    assert in_force({"user_id": 42}, factory) is factory
    assert in_force({"tenant": "acme corp"}, factory) is factory
    assert in_force({"private": False, "tier": "gold"}, factory) is factory
    assert in_force({"private": True, "tier": "gold"}, Policy()) == Policy(private=True)
    assert in_force({"orchestrator": {"tradeoff": "best"}}, factory).tradeoff == 1


def test_run_with_a_checkpointer_needs_no_thread() -> None:
    with orchestrated(model("only", "fine"), checkpointer=InMemorySaver()) as orc:
        assert orc.run("Tell a joke")["messages"][-1].content == "fine"
        assert [mode for mode, _ in orc.stream("Tell a joke")][-1] == "values"


def test_a_small_budget_waits_for_what_siblings_hold(mode: str) -> None:
    dear = model("dear", "fine", 0.9, 10.0, delay_s=0.05)
    text = "\n".join(f"{n}. Name a thing number {n}" for n in range(1, 5))
    with orchestrated(dear) as orc:
        out = run(orc, mode, text, Policy(max_cost_usd=0.006))
    assert {result["status"] for result in out["results"].values()} == {"accepted"}
    assert out["bill"]["total_usd"] <= 0.006


TALES = [
    "Once upon a time a fox met a hen in the wood and asked her the way to the farm.",
    "There was a hen who knew the way to the farm, and a fox who asked her for it.",
    "A fox lost its way in the dark, and only the old hen could tell it where to go.",
]


@pytest.mark.parametrize(("expects", "texts"), [("text", TALES), ("code", ["x = a + a", "x = 2 * a", "x = a << 1"])])
def test_an_answer_that_may_differ_and_be_right_is_not_doubted_for_it(expects: str, texts: list[str]) -> None:
    """Every later answer was doubted once two long texts had stood side by side."""
    one, two, now = texts
    state: Any = {"hand": [{"said": [["a", one], ["b", two]]}]}
    assert _echo(state, {"model": "c", "text": now}, expects) == []
    (same,) = _echo(state, {"model": "c", "text": one}, expects)
    assert same.value == 1.0
    numbers: Any = {"hand": [{"said": [["a", "4"], ["b", "5"]]}]}
    (doubt,) = _echo(numbers, {"model": "c", "text": "6"}, "number")
    assert doubt.value < 0.5
