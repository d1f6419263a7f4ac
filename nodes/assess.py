"""Asking a model what another model's answer is worth; whether that pays; and, last of all, asking its own author.

What is asked and how replies are read is `confidence/judging.py`'s business. A judge never judges its own answer: where
no other model may judge (private text: no other local one), there is no evidence. What it said is corrected by how
often judges proved right so far.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from langchain_core.messages import HumanMessage, SystemMessage

from orchestrator_graph.confidence.judging import Hearing, Ruling, both_orders, compare, grade, weigh_answer
from orchestrator_graph.confidence.worth_asking import believed_accuracy, worth_asking
from orchestrator_graph.nodes.features import untooled
from orchestrator_graph.nodes.io import Io
from orchestrator_graph.nodes.situation import situation
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.routing.selector import Utility
from orchestrator_graph.types import Attempt, Estimate, Evidence, Subtask, new_id

__all__ = ["ask_author", "ask_judge", "ask_pairwise", "corrected", "judge_pays"]

ONE_CALL = Policy(strategy="route", pin=None, explore=0.0, canary={}, trial={})
PROMPT_BYTES = 600
"""Instructions and delimiters around task and answer."""
REPLY_TOKENS, GRADE_TOKENS, THINKING_TOKENS = 64, 4, 600
EVEN = 0.5
"""A judge's word is corrected on even odds: what was believed of the candidate is weighed beside it."""


async def ask_judge(
    io: Io,
    task: Mapping[str, Any],
    subtask: Subtask,
    question: str,
    answer: str,
    authors: set[str],
    *,
    criteria: Sequence[str] = (),
) -> tuple[Evidence | None, Attempt | None]:
    """Evidence from a model that did not write the answer, and the call; nothing where no other model may judge.

    Args:
        io: Effects and services.
        task: The run's task.
        subtask: What was to be done; a private one is shown to local judges only.
        question: Its words, with earlier answers in place.
        answer: What is to be judged.
        authors: Ids of the models that wrote it, or others that it is compared with.
        criteria: Grade these instead of asking whether the answer is right.

    Returns:
        `judge` evidence, `judge failed` (.5) for a reply that is no verdict; and the attempt.
    """
    found = await _judge(io, task, subtask, answer, authors)
    if found is None:
        return None, None
    spec = (await io.portfolio())[found.candidate.id]
    seed = new_id()
    if criteria:
        hearing = grade(question, answer, criteria, seed)
    else:
        hearing = weigh_answer(question, answer, seed, word=spec.has("logprobs"))
    ruling, attempt = await _heard(io, spec, hearing, task, subtask)
    return _evidence(io, task, subtask, spec.id, ruling), attempt


async def ask_pairwise(
    io: Io, task: Mapping[str, Any], subtask: Subtask, question: str, answers: tuple[str, str], authors: set[str]
) -> tuple[Evidence | None, tuple[Attempt, ...]]:
    """`preference` evidence: 1 the first answer is better, 0 the second, .5 a tie or an order that mattered."""
    first, second = answers
    found = await _judge(io, task, subtask, first + second, authors)
    if found is None:
        return None, ()
    spec = (await io.portfolio())[found.candidate.id]
    hearings = [compare(question, *pair, new_id()) for pair in ((first, second), (second, first))]
    (one, here), (other, there) = await io.gather([_heard(io, spec, h, task, subtask) for h in hearings])
    ruling = both_orders(one, other)
    name = "judge failed" if ruling.value is None else "preference"
    value = EVEN if ruling.value is None else ruling.value
    return Evidence(name, value, f"{spec.id}: {ruling.why or 'the same in both orders'}"), (here, there)


async def ask_author(
    io: Io, task: Mapping[str, Any], subtask: Subtask, question: str, answer: str, author: str
) -> tuple[Evidence, Attempt]:
    """`verbalised` evidence: how sure a model says it is of its own answer. Only where nothing else is to be had.

    Models say 80 to 100 % whatever they know (Xiong et al. 2024, Can LLMs Express Their Uncertainty?), so that it
    weighs least and does not stand for a judge.
    """
    spec = (await io.portfolio())[author]
    hearing = weigh_answer(question, answer, new_id(), word=spec.has("logprobs"))
    ruling, attempt = await _heard(io, spec, hearing, task, subtask)
    if ruling.value is None:
        return Evidence("judge failed", EVEN, f"{author} on its own answer: {ruling.why}"), attempt
    return Evidence("verbalised", ruling.value, f"{author} on its own answer (uncalibrated)"), attempt


async def judge_pays(
    io: Io,
    task: Mapping[str, Any],
    subtask: Subtask,
    answer: str,
    authors: set[str],
    confidence: float,
    ranking: Sequence[Estimate],
    tried: Collection[str] = (),
) -> bool:
    """Whether a judge's word on accept or escalate is worth more than it would cost.

    False where nobody may judge, and where nothing would follow: all were tried, or `strategy="route"` never escalates.

    Args:
        io: Effects and services.
        task: The run's task.
        subtask: What was to be done.
        answer: What would be judged.
        authors: Who wrote it.
        confidence: Probability that the answer is right, by all that is known.
        ranking: The decision's estimates, by which money and time are turned into points of quality.
        tried: Ids of the candidates that were asked already.
    """
    policy = io.policy(task)
    stuck = policy.strategy == "route" or all(estimate.candidate.id in tried for estimate in ranking)
    found = None if stuck else await _judge(io, task, subtask, answer, authors)
    if found is None:
        return False
    utility = Utility.among(ranking, policy, await situation(io, task, private=subtask.private))
    price = -utility(dataclasses.replace(found, quality=0.0))
    rates = io.services.memory.judge_rates(policy.tenant, private=subtask.private)
    accuracy = believed_accuracy(rates.sensitivity, rates.specificity, rates.n)
    return worth_asking(confidence, policy.confidence_for(subtask.features.task_type), accuracy, price)


def corrected(io: Io, task: Mapping[str, Any], subtask: Subtask, score: float, said: str) -> Evidence:
    """`judge` evidence from a raw score: what the judges' measured error rates leave of it (Rogan & Gladen 1978).

    `Evidence.raw` keeps the score for the ledger, on which the rates are measured.
    """
    rates = io.services.memory.judge_rates(io.policy(task).tenant, private=subtask.private)
    if not rates.n:
        return Evidence("judge", score, f"{said} (uncalibrated)")
    value = rates.corrected(score, EVEN)
    return Evidence("judge", value, f"{said}, {value:.2f} corrected by its error rates, n={rates.n}", raw=score)


async def _judge(io: Io, task: Mapping[str, Any], subtask: Subtask, answer: str, authors: set[str]) -> Estimate | None:
    """The model that would judge, with what that would take; `None` where none may that did not write the answer."""
    portfolio = await io.portfolio()
    wrote = [portfolio[name].model for name in authors if name in portfolio]
    others = (s for s in portfolio.values() if s.id not in authors and not any(_same(s.model, m) for m in wrote))
    eligible = Portfolio(spec for spec in others if not spec.has("narrow"))
    features = dataclasses.replace(untooled(subtask.features), task_type="judge", expects="list")  # its length
    size = PROMPT_BYTES + len(answer.encode(errors="replace"))
    now = await situation(io, task, private=subtask.private, context_bytes=size)
    ranking = decide(subtask.id, features, eligible, io.policy(task).overlaid(ONE_CALL), now).ranking
    return ranking[0] if ranking else None


def _same(one: Any, other: Any) -> bool:
    """Whether two entries of a portfolio are one model under two names."""
    return one is other or (isinstance(one, str) and one == other)


async def _heard(
    io: Io, spec: ModelSpec, hearing: Hearing, task: Mapping[str, Any], subtask: Subtask
) -> tuple[Ruling, Attempt]:
    room = REPLY_TOKENS + GRADE_TOKENS * hearing.count
    attempt = await io.call(
        spec.id,
        [SystemMessage(hearing.system), HumanMessage(hearing.human)],
        task,
        subtask,
        purpose="judge",
        max_tokens=THINKING_TOKENS + room if spec.has("reasoning") else room,
        logprobs=hearing.asked == "verdict",
        json_schema=hearing.schema,
    )
    if attempt.failure is not None:
        return Ruling(None, attempt.failure.kind), attempt
    return hearing.read(attempt.text, attempt.logprobs), attempt


def _evidence(io: Io, task: Mapping[str, Any], subtask: Subtask, model: str, ruling: Ruling) -> Evidence:
    if ruling.value is None:
        return Evidence("judge failed", EVEN, f"{model}: {ruling.why}")
    return corrected(io, task, subtask, ruling.value, f"{model} says {ruling.value:.2f}")
