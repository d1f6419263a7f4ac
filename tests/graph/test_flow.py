"""From a task to an answer, a bill and the reasons, sync and async, on scripted models."""

import pytest

from orchestrator_graph import Policy
from orchestrator_graph.errors import InputError, NoCandidateError, OrchestratorError, PolicyError, PrivacyError
from tests.graph.support import model, orchestrated, run


def test_one_task_one_model(mode: str) -> None:
    with orchestrated(model("only", "Goethe")) as orc:
        out = run(orc, mode, "Who wrote Faust?")
    assert out["messages"][-1].content == "Goethe"
    assert set(out) == {"messages", "plan", "results", "bill"}
    result = out["results"]["1"]
    assert (result["status"], result["candidate"], result["tries"]) == ("accepted", "test:only", 1)
    assert out["bill"]["calls"] == 1
    assert out["bill"]["total_nusd"] == result["cost_nusd"] > 0


def test_compound_task_passes_answers_on(mode: str) -> None:
    scripted = model("all", lambda asked: {"Rev": "nretnal", "Cou": "2", "Add": "85"}[asked[:3]])
    with orchestrated(scripted) as orc:
        out = run(orc, mode, "Reverse lantern, then count the letter n in the result; meanwhile add 47 and 38")
    assert [step["needs"] for step in out["plan"]] == [[], ["1"], []]
    assert {key: r["answer"] for key, r in out["results"].items()} == {"1": "nretnal", "2": "2", "3": "85"}
    assert any("letter n in nretnal" in asked for asked in scripted.model.seen)
    assert "85" in out["messages"][-1].content


def test_a_last_step_that_uses_all_is_the_answer(mode: str) -> None:
    scripted = model("all", lambda asked: "step two" if "Translate" in asked else "step one")
    with orchestrated(scripted) as orc:
        out = run(orc, mode, "Write a slogan, then translate the result into French")
    assert out["messages"][-1].content == "step two"


def test_failover_walks_the_ranking(mode: str) -> None:
    def broken(_: str) -> str:
        raise ConnectionRefusedError("nobody there")

    with orchestrated(model("first", broken, quality=0.9), model("second", "fine", quality=0.5)) as orc:
        out = run(orc, mode, "Who wrote Faust?", Policy(tradeoff="best"))
    assert out["messages"][-1].content == "fine"
    assert out["results"]["1"]["candidate"] == "test:second"
    why = out["results"]["1"]["why"]  # the decision's reason is that of the one who failed, and is not given to another
    assert why.startswith("first test:first: best estimated quality (quality 0.90")
    assert "; test:first failed (connection) > test:second 0." in why
    assert out["bill"]["failed_calls"] == 1


def test_a_failed_check_escalates_and_the_best_is_kept(mode: str) -> None:
    weak, strong = model("weak", "dunno", 0.7, 0.1), model("strong", "42", 0.9, 10.0)
    with orchestrated(weak, strong) as orc:
        out = run(orc, mode, "Multiply 6 by 7", Policy(strategy="cascade"))
    result = out["results"]["1"]
    assert (result["answer"], result["escalations"], result["status"]) == ("42", 1, "accepted")
    assert "test:weak 0.02 > test:strong" in result["why"]
    assert out["bill"]["calls"] == 2


def test_never_worse_than_what_was_in_hand(mode: str) -> None:
    pool = [model("a", "first words", 0.8, 0.1), model("b", " ", 0.85, 1.0), model("c", "", 0.9, 2.0)]
    policy = Policy(strategy="cascade", fault_tolerance="low", min_confidence=0.99)
    with orchestrated(*pool) as orc:
        out = run(orc, mode, "Tell a joke", policy)
    assert out["results"]["1"]["answer"] == "first words"
    assert out["results"]["1"]["status"] == "unsure"


def test_route_asks_once(mode: str) -> None:
    with orchestrated(model("weak", "dunno", 0.9), model("other", "42", 0.8)) as orc:
        out = run(orc, mode, "Multiply 6 by 7", Policy(strategy="route"))
    assert out["results"]["1"]["status"] == "unsure"
    assert out["bill"]["calls"] == 1


def test_consensus_takes_the_cheaper_text_when_they_agree(mode: str) -> None:
    with orchestrated(model("dear", "The answer is 42.", 0.9, 9.0), model("cheap", "42", 0.8, 1.0)) as orc:
        out = run(orc, mode, "Multiply 6 by 7", Policy(strategy="consensus"))
    assert out["results"]["1"]["answer"] == "42"
    assert out["results"]["1"]["status"] == "accepted"
    assert out["bill"]["calls"] == 2


def test_consensus_that_differs_asks_a_third(mode: str) -> None:
    pool = [model("a", "41", 0.8), model("b", "43", 0.8), model("c", "42", 0.75)]
    with orchestrated(*pool) as orc:
        out = run(orc, mode, "Multiply 6 by 7", Policy(strategy="consensus"))
    assert out["results"]["1"]["escalations"] >= 1
    assert "test:c" in out["results"]["1"]["models"]


def test_best_of_n_takes_the_majority(mode: str) -> None:
    with orchestrated(model("only", ["41", "42", "42"])) as orc:
        out = run(orc, mode, "Multiply 6 by 7", Policy(strategy="best_of_n", min_confidence=0.6))
    assert out["results"]["1"]["answer"] == "42"
    assert out["results"]["1"]["candidate"] == "best_of_3(test:only)"


def test_low_fault_tolerance_asks_a_judge_that_did_not_write_it(mode: str) -> None:
    writer = model("writer", "a fine text", 0.9)
    critic = model("critic", "other", 0.85, judges=0.91)
    with orchestrated(writer, critic) as orc:
        out = run(orc, mode, "Tell a joke", Policy(fault_tolerance="low", tradeoff="best"))
    purposes = {line["purpose"]: line["model"] for line in out["bill"]["lines"]}
    assert purposes == {"execute": "test:writer", "judge": "test:critic"}
    assert out["results"]["1"]["verdict"]["calibrated"] is False


def test_model_planner_and_garbage(mode: str) -> None:
    plan = '{"subtasks":[{"id":"a","brief":"Find hotels"},{"id":"b","brief":"Price {a}","needs":["a"]}]}'
    planner = model("p", lambda asked: plan if "Answer with JSON only" in asked else "done", 0.9)
    with orchestrated(planner) as orc:
        out = run(orc, mode, "A weekend in Rome with hotels and prices", Policy(decompose="always"))
        assert [step["needs"] for step in out["plan"]] == [[], ["1"]]
    with orchestrated(model("g", "garbage", 0.9)) as orc:
        out = run(orc, mode, "A weekend in Rome with hotels and prices", Policy(decompose="always"))
    assert len(out["plan"]) == 1
    assert any("no usable plan" in note for note in out["bill"]["notes"])
    assert out["messages"][-1].content == "garbage"
    assert [line["calls"] for line in out["bill"]["lines"] if line["purpose"] == "plan"] == [2]


def test_a_similar_task_names_the_remembered_one(mode: str) -> None:
    with orchestrated(model("only", "85")) as orc:
        first = orc.run("Add 47 and 38")
        out = run(orc, mode, "Add 47 and 39")
    near = out["results"]["1"]["decision"]["neighbours"]
    assert near[0]["text"] == "Add 47 and 38"
    assert near[0]["task_id"] == first["results"]["1"]["decision"]["id"]
    assert "remembers task" in out["results"]["1"]["why"]


BAD_INPUT: list[tuple[str, dict[str, object], type[OrchestratorError], str]] = [
    ("", {}, InputError, "is empty"),
    ("   ", {}, InputError, "is empty"),
    ("x" * 10_000_000, {}, InputError, "10000000 bytes, at most 1000000"),
    ("Add 1 and 2", {"deny": ["test:*"]}, NoCandidateError, "test:only: deny"),
    ("Add 1 and 2", {"private": True}, PrivacyError, "no model runs on this machine"),
    ("Add 1 and 2", {"pin": "test:other"}, NoCandidateError, "policy.pin = 'test:other'"),
    ("Add 1 and 2", {"budget": "team"}, InputError, "policy.budget = 'team'"),
    ("Mail jo@example.org", {"pii": "refuse"}, PrivacyError, "personal data (email)"),
]


@pytest.mark.parametrize(("text", "policy", "error", "words"), BAD_INPUT, ids=[b[3][:20] for b in BAD_INPUT])
def test_bad_input_costs_nothing(
    mode: str, text: str, policy: dict[str, object], error: type[OrchestratorError], words: str
) -> None:
    only = model("only")
    with orchestrated(only) as orc:
        with pytest.raises(error) as caught:
            run(orc, mode, text, Policy.parse(policy))
        assert words in str(caught.value)
        assert only.model.seen == []


def test_negative_budget_is_refused_before_the_graph_runs() -> None:
    with orchestrated(model("only")) as orc, pytest.raises(PolicyError, match="max_cost_usd = -1"):
        orc.run("Add 1 and 2", {"max_cost_usd": -1})


def test_budget_is_kept(mode: str) -> None:
    with orchestrated(model("dear", "fine", 0.9, 100.0), model("cheap", "fine", 0.5, 0.01)) as orc:
        out = run(orc, mode, "Who wrote Faust?", Policy(max_cost_usd=0.0005, tradeoff="best"))
    assert out["results"]["1"]["candidate"] == "test:cheap"
    assert out["results"]["1"]["decision"]["excluded"][0]["constraint"] == "budget"
    assert out["bill"]["total_usd"] <= 0.0005


def test_decide_calls_nothing() -> None:
    only = model("only")
    with orchestrated(only) as orc:
        assert orc.decide("Add 1 and 2").ranking[0].candidate.id == "test:only"
    assert only.model.seen == []


def test_private_text_is_not_sent_on_failover(mode: str) -> None:
    def broken(_: str) -> str:
        raise ConnectionRefusedError("down")

    cloud, home = model("cloud", "leak", 0.9), model("home", broken, 0.5, local=True)
    with orchestrated(cloud, home) as orc:
        out = run(orc, mode, "My secret is 7", Policy(private=True, fault_tolerance="low"))
    assert cloud.model.seen == []
    assert out["results"]["1"]["status"] == "failed"
    assert "Not answered" in out["messages"][-1].content
