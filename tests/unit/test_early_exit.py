"""The pocket models, in this process: given up in the middle, paid to the byte, and never what would be accepted."""

import asyncio
import math

import pytest
from langchain_core.messages import HumanMessage

from orchestrator_graph.drive import ASYNC, SYNC, drive
from orchestrator_graph.gateway.door import Gateway
from orchestrator_graph.pocket import PocketChat, generate
from orchestrator_graph.types import Request

SMALL = "pocket:small"
LIMIT = 0.8
TASKS = generate("calibration", 60, seed=5)


def ask(prompt, mode="sync", **fields):
    gateway = Gateway("pocket", environ={})
    request = Request((HumanMessage(prompt),), **fields)

    async def run(fx):
        await gateway.portfolio(fx)
        return await gateway.call(fx, SMALL, request, gateway.lease("one", cap_nusd=None, deadline_s=None))

    return drive(run(SYNC)) if mode == "sync" else asyncio.run(run(ASYNC))


def probability(attempt):
    return math.exp(sum(token.logprob for token in attempt.logprobs) + (attempt.end_logprob or 0.0))


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_exactly_the_answers_below_the_limit_are_given_up(mode):
    saved = 0
    for task in TASKS:
        whole, part = ask(task.prompt, mode), ask(task.prompt, mode, give_up_below=LIMIT)
        assert whole.ok, whole.failure
        assert whole.text.startswith(part.text)
        if probability(whole) >= LIMIT:
            assert (part.text, part.usage, part.failure) == (whole.text, whole.usage, None)
        elif part.failure is not None:
            assert part.failure.kind == "early_exit"
            assert part.logprobs == whole.logprobs[: len(part.logprobs)]
            saved += whole.usage.output_tokens - part.usage.output_tokens
    assert saved > 0


def test_a_part_is_billed_to_the_byte():
    task = next(task for task in TASKS if ask(task.prompt, give_up_below=LIMIT).failure)
    whole, part = ask(task.prompt), ask(task.prompt, give_up_below=LIMIT)

    assert part.usage.measured
    assert part.usage.input_tokens == whole.usage.input_tokens
    assert part.usage.output_tokens == len(part.logprobs) < whole.usage.output_tokens
    assert 0 < part.cost_nusd < whole.cost_nusd
    assert part.finish == "early_exit"


def test_without_log_probabilities_it_is_heard_out():
    task = next(task for task in TASKS if ask(task.prompt, give_up_below=LIMIT).failure)

    assert ask(task.prompt, give_up_below=LIMIT, logprobs=False).ok
    assert ask(task.prompt, give_up_below=LIMIT, stream=True).ok


@pytest.mark.parametrize("stop", [None, ["t"], ["tn"], ["xyz", "r"]])
def test_each_piece_of_a_stream_comes_with_its_own_log_probabilities(stop):
    model = PocketChat(model="text", logprobs=True, stop=stop)
    chunks = list(model.stream("Reverse lantern"))
    whole = model.invoke("Reverse lantern")
    told = [entry for chunk in chunks for entry in chunk.response_metadata.get("logprobs", {}).get("content", [])]

    assert told == whole.response_metadata["logprobs"]["content"]
    for chunk in chunks[:-1]:
        entries = chunk.response_metadata.get("logprobs", {}).get("content", [])
        assert "".join(entry["token"] for entry in entries) == chunk.content
