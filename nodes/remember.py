"""What a run leaves behind in memory: its tasks, decisions, calls, what each try was worth, and what a re-ask says."""

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from orchestrator_graph.confidence.normalise import fingerprint, normalise
from orchestrator_graph.errors import FeedbackError, MemoryStoreError
from orchestrator_graph.memory import RunRecord, TaskRecord
from orchestrator_graph.memory.feedback import Vote, count
from orchestrator_graph.memory.worth import ANSWER, WEIGHTS
from orchestrator_graph.nodes.features import ask_of, read_features
from orchestrator_graph.nodes.io import Io
from orchestrator_graph.policy import Policy
from orchestrator_graph.types import Attempt, Decision, Outcome

__all__ = ["doubted_run", "record_of", "remember"]

HEARD = frozenset({"log-probability", "agreement", "self-consistency"})
ONE_RIGHT = frozenset({"number", "word", "yes_no"})
"""Forms with one right answer: a person who gives another one says that this one was wrong."""
GIVEN_UP = 0.1
"""What an answer is taken for that was given up for being doubtful: our own opinion, and weighs as little."""
COMPARED_WORDS = 300
LEAST_S = 0.2
"""A run that took all its time is remembered, too; its words were embedded before."""


async def remember(state: Mapping[str, Any], io: Io, results: Mapping[str, Any]) -> list[str]:
    """Commits the run, and a weak vote against the one before where the user asks again. What failed, as notes."""
    memory, what = io.services.memory, "not remembered"
    try:
        left_s = (await io.lease(state["task"])).left_s
        within_s = None if left_s is None else max(left_s, LEAST_S)
        await memory.remember(io.fx, record_of(state, results), within_s=within_s)
        what = "the doubt about the answer before was not remembered"
        doubted = doubted_run(state["messages"])
        if doubted is not None:
            policy = Policy(**state["task"]["policy"])
            vote = Vote(doubted, 0.0, key="re_ask", user=policy.user_id, tenant=policy.tenant, source="implicit")
            await count(io.fx, memory, vote)
    except MemoryStoreError as error:  # the answer is paid for: it is given, and the bill says what was not kept
        return [f"{what}: {error}"]
    except FeedbackError:  # the turn before was not ours, or nobody's answer: there is nothing to doubt
        return []
    return []


def doubted_run(messages: Sequence[AnyMessage]) -> str | None:
    """The run whose answer the last human message asks for again, by its words or by being the same task."""
    asks = [place for place, message in enumerate(messages) if isinstance(message, HumanMessage)]
    if len(asks) < 2:
        return None
    *_, before, last = asks
    answer = next((m for m in reversed(messages[before:last]) if isinstance(m, AIMessage)), None)
    run_id = None if answer is None else answer.response_metadata.get("run_id")
    if not isinstance(run_id, str) or not run_id:
        return None
    now, then = ask_of(messages[last:])[0], ask_of(messages[before : before + 1])[0]
    again = read_features(now, (), messages[:last]).signals["re_ask"]
    return run_id if again or normalise(now) == normalise(then) else None


def record_of(state: Mapping[str, Any], results: Mapping[str, Any]) -> RunRecord:
    """The run as rows. Ids come from the state, so that a resumed run writes the same rows again, not new ones."""
    task, policy = state["task"], Policy(**state["task"]["policy"])
    tasks, decisions, outcomes, ids = [], [], [], {}
    for subtask in state["subtasks"]:
        result = results.get(subtask["id"])
        if result is None or result["decision"] is None:
            continue
        ids[subtask["id"]] = result["decision"]["id"]
        tasks.append(
            TaskRecord(
                id=result["decision"]["id"],
                run_id=task["run_id"],
                subtask_id=subtask["id"],
                tenant=policy.tenant,
                user_id=policy.user_id,
                text=subtask["features"]["text"],
                task_type=subtask["features"]["task_type"],
                private=subtask["private"],
                created_at=task["started_at"],
            )
        )
        decisions.append((result["decision"]["id"], Decision.from_json(result["decision"])))
        outcomes += _outcomes(result, state["calls"], subtask["features"]["expects"])
    calls = [(ids.get(call["subtask_id"], ""), Attempt.from_json(call)) for call in state["calls"].values()]
    return RunRecord(
        tuple(tasks), tuple(decisions), tuple(calls), tuple(outcomes), budget=policy.budget, run_id=task["run_id"]
    )


def _outcomes(result: Mapping[str, Any], calls: Mapping[str, Any], expects: str) -> list[Outcome]:
    """One outcome per answered try, named after who says what it was worth."""
    decision, outcomes = result["decision"], []
    for number, tried in enumerate(result["hand"]):
        given_up = tried["failure"] == "early_exit"
        if tried["failure"] is not None and not given_up:
            continue
        source, score = ("verdict", GIVEN_UP) if given_up else _worth(tried, result, expects)
        own = [calls[key] for key in tried["call_ids"] if key in calls]
        energies = [call["energy_j"] for call in own if call["energy_j"] is not None]
        given = result["status"] != "failed" and tried["candidate"] == result["candidate"] and not given_up
        outcomes.append(
            Outcome(
                id=f"{decision['id']}-{number}",
                task_id=decision["id"],
                decision_id=decision["id"],
                candidate=tried["candidate"],
                score=score,
                source=source,
                weight=WEIGHTS.get(source, 0.0),
                cost_nusd=sum(call["cost_nusd"] for call in own),
                latency_s=sum(call["latency_s"] for call in own),
                energy_j=sum(energies) if energies else None,
                key=ANSWER if given else None,
                signals={} if given_up else tried["signals"],
                said="" if given_up else fingerprint(tried["text"], expects),
            )
        )
    return outcomes


def _worth(tried: Mapping[str, Any], result: Mapping[str, Any], expects: str) -> tuple[str, float]:
    """Source and score of a try: a person, a failed check, a judge model, else our own confidence."""
    heard = _by_person(tried, result, expects)
    if heard is not None:
        return heard
    mine, final = normalise(tried["text"], expects), normalise(result["answer"], expects)
    evidence = {item["name"]: item for item in tried["verdict"]["evidence"]}
    settling = [item["value"] for item in evidence.values() if item["decisive"]]
    if settling:
        return "verified", float(min(settling) >= 0.5)
    if "judge" in evidence:
        said = evidence["judge"].get("raw")  # before it was corrected by the rates that are measured on these rows
        return "judge", float(evidence["judge"]["value"] if said is None else said)
    return "not judged" if HEARD.isdisjoint(evidence) else "verdict", _confidence(tried, result, mine == final)


def _by_person(tried: Mapping[str, Any], result: Mapping[str, Any], expects: str) -> tuple[str, float] | None:
    """What a person's word says of a try: their own answer or the proposed one, as they scored it.

    Of answers that differ from one that they rejected or doubted it says nothing.
    """
    score = next((item["value"] for item in result["verdict"]["evidence"] if item["name"] == "person"), None)
    if score is None:
        return None
    proposed = (item["text"] for item in result["hand"] if item["candidate"] == result["candidate"] and item["text"])
    mine, final = (normalise(text, expects) for text in (tried["text"], next(proposed, result["answer"])))
    if mine == final:
        return "feedback", float(score)
    if score < 1:
        return None
    if expects in ONE_RIGHT:
        return "feedback", 0.0
    return "implicit", _likeness(mine, final)  # an edit: what was kept of it


def _confidence(tried: Mapping[str, Any], result: Mapping[str, Any], same: bool) -> float:
    """The accepted answer's confidence, or its complement where a try said otherwise."""
    own, final = float(tried["verdict"]["confidence"]), result["confidence"]
    if result["status"] != "accepted" or final is None:
        return own
    return float(final) if same else min(own, 1 - float(final))


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one.split()[:COMPARED_WORDS], other.split()[:COMPARED_WORDS]).ratio()
