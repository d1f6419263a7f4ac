"""Votes: on runs and decisions, late and repeated, sync and async, from another process, and what a re-ask says."""

import asyncio
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from typer.testing import CliRunner

from orchestrator_graph import Orchestrator, Policy
from orchestrator_graph.cli.app import app
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.errors import FeedbackError, InputError, MemoryStoreError
from orchestrator_graph.memory import RunRecord
from orchestrator_graph.memory.feedback import Vote
from orchestrator_graph.memory.worth import ANSWER, WEIGHTS
from orchestrator_graph.nodes.remember import doubted_run
from orchestrator_graph.types import Outcome, new_id
from tests.graph.support import model, orchestrated, run

TASK = "Name the author of Faust"


@pytest.fixture(params=["ram", "folder", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    if request.param == "postgres":
        return str(request.getfixturevalue("database"))
    return None if request.param == "ram" else str(tmp_path / "memory")


def vote(orc: Orchestrator, mode: str, *given: Any, **options: Any) -> dict[str, str]:
    if mode == "sync":
        return orc.feedback(*given, **options)
    return asyncio.run(orc.afeedback(*given, **options))


def rows(orc: Orchestrator) -> list[Any]:
    """The ledger's outcomes, oldest first."""
    from sqlalchemy import select

    from orchestrator_graph.memory.schema import outcomes

    with drive(orc.memory._opened(SYNC)).ledger.read("testing") as connection:
        return list(connection.execute(select(outcomes).order_by(outcomes.c.created_at)))


def votes(orc: Orchestrator, source: str = "feedback") -> list[Any]:
    return [row for row in rows(orc) if row.source == source]


def ids(out: dict[str, Any]) -> tuple[str, str]:
    """Run id and the first decision's."""
    data = out["messages"][-1].response_metadata
    return data["run_id"], data["decisions"]["1"]


def believed(orc: Orchestrator, text: str = TASK) -> tuple[Any, ...]:
    """What the next decision sees of the nearest remembered task."""
    return orc.decide(text).neighbours[0].outcomes


def test_a_vote_on_a_run_is_on_the_answer_and_seen_by_the_next_decision(mode: str, where: str | None) -> None:
    with orchestrated(model("only", "Goethe"), memory=where) as orc:
        run_id, _ = ids(run(orc, mode, TASK))
        assert [weight for _, _, weight in believed(orc)] == [0.0]  # nobody has said anything yet
        assert vote(orc, mode, run_id, 0.25, comment="so so") == {"1": "test:only"}
        assert believed(orc) == (("test:only", 0.25, 1.0),)
        (row,) = votes(orc)
    assert (row.key, row.comment, row.weight) == ("user", "so so", WEIGHTS["feedback"])


def test_a_repeated_vote_replaces_and_other_keys_and_users_stand_beside_it(mode: str, where: str | None) -> None:
    with orchestrated(model("only", "Goethe"), memory=where) as orc:
        run_id, decision_id = ids(run(orc, mode, TASK))
        for score in (0.0, 1.0, True):
            vote(orc, mode, run_id, score)
        vote(orc, mode, decision_id, 0.5)  # the same answer, named by its decision
        assert [row.score for row in votes(orc)] == [0.5]
        vote(orc, mode, run_id, 0.0, "style")
        vote(orc, mode, run_id, 1.0, user="bob")
        assert sorted(row.score for row in votes(orc)) == [0.0, 0.5, 1.0]
        assert believed(orc) == (("test:only", 0.5, 1.0),)


def test_a_run_of_several_subtasks_takes_a_vote_each_or_one(mode: str) -> None:
    text = "1. Name a river\n2. Name a bad hill\n3. Name a lake"
    with orchestrated(model("only", lambda asked: "" if "bad" in asked else "fine")) as orc:
        out = run(orc, mode, text)
        assert out["results"]["2"]["status"] == "failed"
        assert vote(orc, mode, ids(out)[0], 1.0) == {"1": "test:only", "3": "test:only"}
        assert vote(orc, mode, ids(out)[0], 0.0, subtask="3") == {"3": "test:only"}
        assert sorted(row.score for row in votes(orc)) == [0.0, 1.0]
        with pytest.raises(FeedbackError, match="no subtask '9'; it has 1, 2, 3"):
            vote(orc, mode, ids(out)[0], 0.0, subtask="9")
        with pytest.raises(FeedbackError, match="answered by no model"):
            vote(orc, mode, ids(out)[0], 0.0, subtask="2")


def test_after_an_escalation_the_vote_is_on_the_answer_that_was_given(mode: str) -> None:
    pool = [model("small", "dunno", 0.7, 0.1), model("large", "42", 0.9, 10.0)]
    with orchestrated(*pool, policy=Policy(tradeoff="cheap")) as orc:
        out = run(orc, mode, "Multiply 6 by 7")
        assert out["results"]["1"]["escalations"] == 1
        assert vote(orc, mode, ids(out)[0], 1.0) == {"1": "test:large"}
        first = next(row for row in rows(orc) if row.candidate == "test:small")
    assert (first.source, first.score, first.key) == ("verified", 0.0, None)  # a check failed: no opinion


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (("x", 1.5), "score"),
        (("x", -0.1), "score"),
        (("x", math.nan), "score"),
        (("x", math.inf), "score"),
        (("x", "good"), "score"),
        (("x", None), "score"),
        (("", 1), "target"),
        ((None, 1), "target"),
        (("x", 1, ""), "key"),
        (("x", 1, "user", 7), "comment"),
        (("x", 1, "answer"), "key"),
    ],
)
def test_a_vote_that_makes_no_sense_names_its_field(mode: str, given: tuple[Any, ...], field: str) -> None:
    with orchestrated(model("only")) as orc, pytest.raises(InputError, match=f"feedback: {field} = "):
        vote(orc, mode, *given)


def test_a_vote_of_no_known_source_is_refused() -> None:
    with pytest.raises(InputError, match="feedback: source = 'rumour' is none of feedback, implicit"):
        Vote("x", 1, source="rumour")


def test_an_answer_that_was_noted_twice_takes_one_vote(mode: str, where: str | None) -> None:
    with orchestrated(model("only", "Goethe"), memory=where) as orc:
        run_id, decision_id = ids(run(orc, mode, TASK))
        twin = Outcome(new_id(), decision_id, decision_id, "test:only", 1.0, "judge", 0.5, key=ANSWER)
        drive(orc.memory.remember(SYNC, RunRecord(outcomes=(twin,))))
        assert vote(orc, mode, run_id, 0.0) == {"1": "test:only"}
        assert len(votes(orc)) == 1


def test_odd_text_in_a_vote_is_the_same_in_every_database(where: str | None) -> None:
    with orchestrated(model("only", "Goethe"), memory=where) as orc:
        run_id, _ = ids(run(orc, "sync", TASK))
        for _ in range(2):
            orc.feedback(run_id, 1, "st\0yle\ud800", comment="\0", user="a\0b")
        assert [(row.key, row.comment, row.voter) for row in votes(orc)] == [("st\ufffdyle?", "\ufffd", "a\ufffdb")]
        with pytest.raises(FeedbackError, match="no run or decision"):
            orc.feedback(run_id + "\0", 1)
        assert orc.memory.forget(user="a\0b").votes == 1


def test_a_foreign_id_is_refused(mode: str, where: str | None) -> None:
    with orchestrated(model("only", "Goethe"), memory=where, policy=Policy(tenant="acme")) as orc:
        run_id, decision_id = ids(run(orc, mode, TASK))
        for name in ("0" * 32, "' OR 1=1 --", run_id[:-1], "profile"):
            with pytest.raises(FeedbackError, match="no run or decision"):
                vote(orc, mode, name, 1.0)
        for name in (run_id, decision_id):
            with pytest.raises(FeedbackError, match="no run or decision"):
                vote(orc, mode, name, 1.0, tenant="other")
        assert votes(orc) == []
        assert vote(orc, mode, decision_id, 1.0, tenant="acme")


def test_a_closed_memory_says_so(mode: str) -> None:
    with orchestrated(model("only", "Goethe")) as orc:
        run_id, _ = ids(run(orc, mode, TASK))
    with pytest.raises(MemoryStoreError, match="closed"):
        vote(orc, mode, run_id, 1.0)


def test_parallel_votes_leave_one_row_each(where: str | None) -> None:
    async def many(orc: Orchestrator, run_id: str) -> None:
        await asyncio.gather(*(orc.afeedback(run_id, n % 2, user=f"u{n % 5}") for n in range(40)))

    with orchestrated(model("only", "Goethe"), memory=where) as orc:
        run_id, _ = ids(run(orc, "sync", TASK))
        asyncio.run(many(orc, run_id))
        assert len(votes(orc)) == 5


CHILD = """
import sys
from orchestrator_graph import Orchestrator
with Orchestrator("pocket", memory=sys.argv[1]) as orc:
    print(orc.feedback(sys.argv[2], 0.0, comment="\\ud800"))
    try:
        orc.feedback("f" * 32, 0.0)
    except LookupError as error:
        print(type(error).__name__)
"""


def test_another_process_and_the_command_line_may_vote_on_a_run_of_this_one(tmp_path: Path) -> None:
    folder = str(tmp_path / "memory")
    with Orchestrator("pocket", memory=folder) as orc:
        out = orc.run("Add 47 and 38")
        run_id, decision_id = ids(out)
        said = subprocess.run(
            [sys.executable, "-c", CHILD, folder, run_id], capture_output=True, text=True, timeout=60, check=True
        )
        assert said.stdout.split("\n")[:2] == [str({"1": out["results"]["1"]["candidate"]}), "FeedbackError"]
        assert [(score, weight) for _, score, weight in believed(orc, "Add 47 and 38")] == [(0.0, 1.0)]
        shown = CliRunner().invoke(app, ["feedback", decision_id, "1", "--memory", folder, "--json"])
        assert json.loads(shown.stdout)["answers"] == {"1": out["results"]["1"]["candidate"]}
        assert believed(orc, "Add 47 and 38")[0][1:] == (1.0, 1.0)
        for arguments, code in ((["0" * 32, "1"], 2), ([run_id, "7"], 2)):
            assert CliRunner().invoke(app, ["feedback", *arguments, "--memory", folder]).exit_code == code


THREAD: dict[str, Any] = {"configurable": {"thread_id": "t"}}


@pytest.mark.parametrize("words", ["No, that is wrong, try again", TASK + "!"])
def test_asking_again_is_a_weak_vote_against_the_answer_before(mode: str, words: str) -> None:
    with orchestrated(model("only", "Goethe"), checkpointer=InMemorySaver()) as orc:
        first, _ = ids(run(orc, mode, TASK, **THREAD))
        second, _ = ids(run(orc, mode, words, **THREAD))
        (row,) = votes(orc, "implicit")
        assert (row.score, row.weight, row.key) == (0.0, WEIGHTS["implicit"], "re_ask")
        assert orc.feedback(first, 1.0)  # what somebody says outranks what the next turn suggests
        assert ("test:only", 1.0, 1.0) in believed(orc)
        run(orc, mode, "Name a river", **THREAD)
        assert len(votes(orc, "implicit")) == 1
    assert first != second


def test_a_doubt_that_cannot_be_written_does_not_say_that_the_run_was_lost(mode: str) -> None:
    with orchestrated(model("only", "Goethe"), checkpointer=InMemorySaver()) as orc:
        run(orc, mode, TASK, **THREAD)
        with orc.memory._open().ledger.write("testing") as connection:
            full = "WHEN NEW.key = 're_ask' BEGIN SELECT RAISE(ABORT, 'disk full'); END"
            connection.exec_driver_sql(f"CREATE TRIGGER full BEFORE INSERT ON outcomes {full}")
        notes = run(orc, mode, TASK + "!", **THREAD)["bill"]["notes"]
        assert [note for note in notes if "remembered" in note] == [note for note in notes if "the doubt about" in note]
        assert any("disk full" in note for note in notes)
        assert orc.memory.stats()["tasks"] == 2


def test_without_a_thread_the_messages_say_which_run_is_doubted(mode: str) -> None:
    with orchestrated(model("only", "Goethe")) as orc:
        out = run(orc, mode, TASK)
        messages = [*out["messages"], HumanMessage("That's wrong")]
        if mode == "sync":
            again = orc.graph.invoke({"messages": messages})
        else:
            again = asyncio.run(orc.graph.ainvoke({"messages": messages}))
        assert not any("not remembered" in note for note in again["bill"]["notes"])
        assert len(votes(orc, "implicit")) == 1


def test_a_doubt_about_what_was_not_ours_changes_nothing(mode: str) -> None:
    answer = AIMessage("Schiller", response_metadata={"run_id": "f" * 32})
    assert doubted_run([HumanMessage(TASK), answer, HumanMessage("wrong")]) == "f" * 32
    assert doubted_run([HumanMessage(TASK), AIMessage("Schiller"), HumanMessage("wrong")]) is None
    assert doubted_run([HumanMessage(TASK), answer, HumanMessage("Name a river")]) is None
    with orchestrated(model("only", "Goethe")) as orc:
        out = orc.graph.invoke({"messages": [HumanMessage(TASK), answer, HumanMessage("wrong")]})
        assert out["messages"][-1].content == "Goethe"
        assert votes(orc, "implicit") == []


@pytest.mark.parametrize(("said", "source", "score"), [("42", "feedback", 0.0), ("41", "feedback", 1.0)])
def test_a_person_who_corrects_an_answer_says_what_it_was_worth(said: str, source: str, score: float) -> None:
    policy = Policy(human="ask", min_confidence=0.99)
    with orchestrated(model("only", "41"), checkpointer=InMemorySaver()) as orc:
        orc.graph.invoke({"messages": [("user", "Multiply 6 by 7")]}, THREAD, context=policy)
        orc.graph.invoke(Command(resume={"answer": said}), THREAD, context=policy)
        (row,) = rows(orc)
    assert (row.source, row.score) == (source, score)


def test_an_edited_answer_is_weakly_worth_what_was_kept_of_it() -> None:
    policy = Policy(human="ask", strategy="cascade", min_confidence=0.99)
    with orchestrated(model("only", "a grey river of the north"), checkpointer=InMemorySaver()) as orc:
        orc.graph.invoke({"messages": [("user", TASK)]}, THREAD, context=policy)
        orc.graph.invoke(Command(resume={"answer": "a grey river of the south"}), THREAD, context=policy)
        (row,) = rows(orc)
        assert (row.source, row.weight) == ("implicit", WEIGHTS["implicit"])
        assert 0.5 < row.score < 1


def test_a_judges_word_is_remembered_as_a_judges(mode: str) -> None:
    pool = [model("writer", "a poem", 0.9, 0.1), model("critic", "ok", 0.5, 5.0, judges=0.85)]
    with orchestrated(*pool, policy=Policy(fault_tolerance="low")) as orc:
        run(orc, mode, "Write a poem")
        written = [row for row in rows(orc) if row.candidate == "test:writer"]
    assert [(row.source, row.score, row.weight) for row in written] == [("judge", 0.85, WEIGHTS["judge"])]
