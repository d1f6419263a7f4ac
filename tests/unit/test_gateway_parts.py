"""The gateway's parts that need no server: breaker, line, retry, parameters, reading, scrubbing, imports."""

import asyncio
import subprocess
import sys

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from orchestrator_graph.drive import ASYNC, SYNC, drive
from orchestrator_graph.gateway.answer import read_answer
from orchestrator_graph.gateway.breaker import BreakerRule, Breakers
from orchestrator_graph.gateway.classify import classify_error, scrub
from orchestrator_graph.gateway.door import Gateway
from orchestrator_graph.gateway.parameters import parametrised
from orchestrator_graph.gateway.retry import NEXT, Retry
from orchestrator_graph.gateway.slots import Slots
from orchestrator_graph.gateway.tokens import Size
from orchestrator_graph.registry.spec import ModelSpec, Price
from orchestrator_graph.types import Failure, FailureKind, Request


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breakers(clock):
    breakers = Breakers(BreakerRule(failures=2, open_s=5, longest_s=12), clock)
    breakers.watch(["a", "b"])
    return breakers


def fail(breakers, model, times=1):
    for _ in range(times):
        breakers.leave(model, breakers.enter(model), ok=False)


def test_a_breaker_opens_probes_once_and_doubles(breakers, clock):
    fail(breakers, "a", 2)
    assert breakers.enter("a") == "refused"
    clock.now = 5.0
    assert breakers.enter("a") == "probe"
    assert [breakers.enter("a"), breakers.healthy("a")] == ["refused", False]
    breakers.leave("a", "probe", ok=False)
    clock.now = 14.9
    assert breakers.enter("a") == "refused"
    clock.now = 15.0
    breakers.leave("a", breakers.enter("a"), ok=True)
    assert breakers.enter("a") == "closed"


def test_a_cancelled_probe_lets_the_next_one_through(breakers, clock):
    fail(breakers, "a", 2)
    clock.now = 5.0
    breakers.leave("a", breakers.enter("a"), ok=None)
    assert breakers.enter("a") == "probe"


def test_all_open_means_one_probe_not_a_stampede(breakers, clock):
    fail(breakers, "a", 2)
    clock.now = 1.0
    fail(breakers, "b", 2)
    assert [breakers.enter("b"), breakers.enter("a"), breakers.enter("a"), breakers.enter("b")] == [
        "refused", "probe", "refused", "refused"
    ]  # fmt: skip


def test_slots_are_granted_in_order_to_threads_and_tasks_and_never_lost():
    slots = Slots(1)

    async def run():
        order = []

        async def use(n, seconds):
            if await slots.take(ASYNC, seconds):
                order.append(n)
                await asyncio.sleep(0.02)
                slots.give()

        tasks = [asyncio.ensure_future(use(n, 5)) for n in range(4)]
        await asyncio.sleep(0.01)
        tasks[2].cancel()
        await use("late", 0.001)
        await asyncio.gather(*tasks, return_exceptions=True)
        return order

    assert asyncio.run(run()) == [0, 1, 3]
    assert drive(slots.take(SYNC, 0.0))
    assert not drive(slots.take(SYNC, 0.01))


def test_every_kind_has_a_next_action():
    assert set(NEXT) == set(FailureKind.__args__)


@pytest.mark.parametrize(
    ("failure", "tries", "left", "waits"),
    [
        (Failure("overloaded", ""), 1, 10.0, True),
        (Failure("overloaded", ""), 3, 10.0, False),
        (Failure("overloaded", ""), 1, 0.01, False),
        (Failure("auth", ""), 1, 10.0, False),
        (Failure("rate_limited", "", 429, 1.0), 1, 10.0, True),
        (Failure("rate_limited", "", 429, 11.0), 1, 10.0, False),
        (Failure("rate_limited", "", 429, 90.0), 1, 300.0, False),
    ],
)
def test_retry_waits_only_where_it_helps(failure, tries, left, waits):
    assert (Retry().wait_s(failure, tries, left) is not None) == waits


def chat_openai(name="gpt-4o-mini", **fields):
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model=name, api_key="k", **fields)


def wanted(chat, spec, max_tokens=50, *, plain=False, **fields):
    request = Request((HumanMessage("x"),), **fields)
    return parametrised(chat, spec, request, max_tokens, plain=plain)


def test_openai_parameters_are_in_its_own_words():
    _, kwargs = wanted(chat_openai(), ModelSpec("openai:gpt-4o-mini"), json_schema={"type": "object"})
    assert kwargs["extra_body"]["max_completion_tokens"] == 50
    assert kwargs["extra_body"]["response_format"]["type"] == "json_schema"
    assert (kwargs["temperature"], kwargs["logprobs"], kwargs["top_logprobs"]) == (0.0, True, 2)


def test_reasoning_models_get_no_temperature_and_no_logprobs():
    _, kwargs = wanted(chat_openai("gpt-5-mini"), ModelSpec("openai:gpt-5-mini"), sample=2, effort="low")
    assert kwargs == {"extra_body": {"max_completion_tokens": 50}, "reasoning_effort": "low"}


def test_other_servers_get_max_tokens_and_samples_differ():
    chat = chat_openai("m", base_url="http://localhost:1/v1")
    _, kwargs = wanted(chat, ModelSpec("openai:m", base_url="http://localhost:1/v1"), sample=2)
    assert kwargs["extra_body"] == {"max_tokens": 50}
    assert (kwargs["temperature"], kwargs["seed"]) == (0.8, 2)
    assert wanted(chat, ModelSpec("openai:m"), plain=True)[1] == {"extra_body": {"max_tokens": 50}}


def test_ollama_parameters_live_on_a_copy_that_shares_the_connection():
    from langchain_ollama import ChatOllama

    chat = ChatOllama(model="m")
    copy, kwargs = wanted(chat, ModelSpec("ollama:m", context=256), sample=1, json_schema={"type": "object"})
    assert (copy.num_predict, copy.num_ctx, copy.temperature, copy.seed) == (50, 256, 0.8, 1)
    assert kwargs == {"logprobs": True, "top_logprobs": 2, "format": {"type": "object"}}
    assert copy._client is chat._client
    assert chat.num_predict is None
    chat._client.close()


def test_a_users_own_object_keeps_its_temperature():
    chat = chat_openai("gpt-4o-mini", temperature=0.3)
    _, kwargs = wanted(chat, ModelSpec(chat))
    assert "temperature" not in kwargs
    assert "logprobs" in kwargs


def read(message, flavour="openai", **fields):
    return read_answer(message, flavour, ModelSpec("openai:m", **fields), Size(1, 5, 50))


def test_a_foreign_client_may_leave_the_end_unmarked():
    assert read(AIMessage("text"), "other").failure is None
    assert read(AIMessage("text"), "openai").failure.kind == "truncated_stream"


def test_a_length_that_left_no_text_and_one_that_did_are_both_length():
    for text in ("", "half an ans"):
        answer = read(AIMessage(text, response_metadata={"finish_reason": "length"}))
        assert (answer.failure.kind, answer.text) == ("length", text)


def test_secrets_never_reach_a_message():
    error = ValueError("key 'topsecretvalue' at https://me:pw@host rejected, Authorization: Bearer abc.def")
    message = classify_error(error, secrets=["topsecretvalue"]).message
    assert not any(word in message for word in ("topsecretvalue", "me:pw", "abc.def"))
    assert len(scrub("x" * 1000)) == 300


def test_importing_the_gateway_loads_no_sdk():
    code = (
        "import sys, pkgutil, importlib, orchestrator_graph.gateway as g\n"
        "[importlib.import_module(f'{g.__name__}.{m.name}') for m in pkgutil.iter_modules(g.__path__)]\n"
        "bad = {'httpx', 'httpx2', 'openai', 'ollama', 'langchain_openai', 'langchain_ollama', 'chromadb'}\n"
        "print(sorted(bad & {name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_constructing_a_gateway_does_nothing():
    gateway = Gateway(["ollama:x", "nobody:y"], environ={})
    assert gateway.held("t") is None
    assert gateway.seconds_per_call("ollama:x") is None
    assert gateway.healthy("ollama:x")
    lease = gateway.lease("t", cap_nusd=5, deadline_s=1, spent_nusd=2)
    assert gateway.lease("t", cap_nusd=9, deadline_s=9) is lease
    assert (lease.left_nusd, lease.spent_nusd, lease.found_left_nusd) == (3, 2, None)
    gateway.release("t")
    assert gateway.held("t") is None
    gateway.close()


def test_a_longest_answer_is_shortened_to_what_the_money_pays_for():
    from orchestrator_graph.gateway.budget import Budget, Lease
    from orchestrator_graph.gateway.till import Till

    spec = ModelSpec("openai:m", price=Price(0.0, 10.0))
    lease = Lease("t", Budget(20_000_000), Budget(0))
    reservation = Till(spec, Size(1, 5, 50), lease).reserve(None)
    assert reservation.max_tokens == 1024
    assert Till(spec, Size(1, 5, 50), lease).reserve(5000).kind == "budget"
