"""Money, slots, breaker, cancellation: seen from the server's side where that is possible."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.errors import GraphBubbleUp
from pydantic import Field

from orchestrator_graph.drive import ASYNC, SYNC, drive
from orchestrator_graph.gateway.breaker import BreakerRule
from orchestrator_graph.gateway.budget import Budget
from orchestrator_graph.gateway.retry import Retry
from orchestrator_graph.registry.spec import ModelSpec, Price
from orchestrator_graph.types import Request

ONCE = Retry(attempts=1)


def request_of(text="What is six times seven?", **fields):
    return Request((HumanMessage(text),), max_tokens=10, **fields)


def many(caller, gateway, spec, leases):
    """One call per lease, all at once, in threads or in tasks."""
    if caller.is_async:

        async def run():
            calls = [gateway.call(ASYNC, spec.id, request_of(), lease) for lease in leases]
            done = await asyncio.gather(*calls)
            await gateway.aclose()
            return done

        return asyncio.run(run())
    with ThreadPoolExecutor(len(leases)) as pool:
        done = list(pool.map(lambda lease: drive(gateway.call(SYNC, spec.id, request_of(), lease)), leases))
    gateway.close()
    return done


def test_128_parallel_calls_never_pass_the_cap(caller):
    spec = caller.spec("openai", "slow-cap")
    gateway = caller.gateway(spec)
    drive(gateway.portfolio(SYNC))
    cap = 300_000
    shared = Budget(cap)
    leases = [gateway.lease(f"t{n}", cap_nusd=None, deadline_s=20, shared=shared) for n in range(128)]

    attempts = many(caller, gateway, spec, leases)

    assert 0 < shared.spent_nusd <= cap
    assert shared.spent_nusd == sum(attempt.cost_nusd for attempt in attempts)
    assert {attempt.failure.kind for attempt in attempts if attempt.failure} == {"budget"}
    assert shared.left_nusd == cap - shared.spent_nusd  # nothing stays reserved


def test_the_cap_on_calls_in_flight_holds_at_the_server(caller):
    name = f"slow-flight-{caller.is_async}"
    spec = caller.spec("openai", name, max_in_flight=3)
    gateway = caller.gateway(spec)
    drive(gateway.portfolio(SYNC))
    leases = [gateway.lease(f"t{n}", cap_nusd=None, deadline_s=20) for n in range(12)]

    attempts = many(caller, gateway, spec, leases)

    seen = caller.server.seen()
    assert all(attempt.ok for attempt in attempts)
    assert seen["requests"][name] == 12
    assert seen["most"][name] == 3
    assert max(attempt.queued_s for attempt in attempts) > 0.3


def test_waiting_for_a_slot_ends_at_the_deadline(caller):
    spec = caller.spec("openai", f"slow-wait-{caller.is_async}", max_in_flight=1)
    gateway = caller.gateway(spec)
    drive(gateway.portfolio(SYNC))
    began = time.monotonic()
    leases = [gateway.lease(f"t{n}", cap_nusd=None, deadline_s=0.5) for n in range(12)]

    attempts = many(caller, gateway, spec, leases)

    assert time.monotonic() - began < 0.5 + 2.0
    waited = [attempt for attempt in attempts if attempt.failure and attempt.tries == 0]
    assert waited
    assert all(attempt.failure.kind == "timeout" and attempt.cost_nusd == 0 for attempt in waited)


def test_a_task_makes_no_more_than_64_calls(caller):
    spec = caller.spec("openai", "401")
    gateway = caller.gateway(spec, breaker=BreakerRule(failures=1000))
    drive(gateway.portfolio(SYNC))
    lease = gateway.lease("t", cap_nusd=None, deadline_s=30)

    attempts = many(caller, gateway, spec, [lease] * 70)

    assert sum(attempt.tries for attempt in attempts) == 64
    assert sum(attempt.failure.kind == "budget" for attempt in attempts) == 6


def test_the_breaker_opens_and_lets_one_probe_through(caller):
    name = f"flaky-breaker-{caller.is_async}-3"
    bad, good = caller.spec("openai", name), caller.spec("openai", "ok")
    gateway = caller.gateway(bad, good, retry=ONCE, breaker=BreakerRule(failures=3, open_s=0.5))
    drive(gateway.portfolio(SYNC))

    def lease(n):
        return gateway.lease(n, cap_nusd=None, deadline_s=5)

    for n in range(3):
        assert drive(gateway.call(SYNC, bad.id, request_of(), lease(n))).failure.kind == "overloaded"
    assert not gateway.healthy(bad.id)
    refused = drive(gateway.call(SYNC, bad.id, request_of(), lease("refused")))
    assert refused.tries == 0
    assert caller.server.seen()["requests"][name] == 3
    time.sleep(0.55)
    assert gateway.healthy(bad.id)
    attempts = many(caller, gateway, bad, [lease(f"p{n}") for n in range(8)])
    assert sum(attempt.ok for attempt in attempts) >= 1
    assert gateway.healthy(bad.id)


def test_a_failed_probe_is_alone_and_when_all_are_open_only_one_goes(caller):
    specs = [caller.spec("openai", "500"), caller.spec("openai", "529")]
    gateway = caller.gateway(*specs, retry=ONCE, breaker=BreakerRule(failures=1, open_s=60))
    drive(gateway.portfolio(SYNC))
    for spec in specs:
        drive(gateway.call(SYNC, spec.id, request_of(), gateway.lease(spec.id, cap_nusd=None, deadline_s=5)))
    assert [gateway.healthy(spec.id) for spec in specs] == [True, False]  # the last resort
    leases = [gateway.lease(f"x{n}", cap_nusd=None, deadline_s=5) for n in range(16)]

    attempts = many(caller, gateway, specs[1], leases)

    assert sum(attempt.tries for attempt in attempts) == 0


def test_late_calls_count_against_health(caller):
    spec, other = caller.spec("openai", "hang"), caller.spec("openai", "ok")
    gateway = caller.gateway(spec, other, breaker=BreakerRule(failures=2, open_s=60))
    drive(gateway.portfolio(SYNC))
    leases = [gateway.lease(f"t{n}", cap_nusd=None, deadline_s=0.3) for n in range(2)]

    many(caller, gateway, spec, leases)

    assert not gateway.healthy(spec.id)


@pytest.mark.parametrize("fault", ["hang", "drip"])
async def test_a_cancelled_call_is_charged_and_gives_everything_back(caller, fault):
    spec = caller.spec("openai", fault, max_in_flight=1)
    gateway = caller.gateway(spec)
    await gateway.portfolio(ASYNC)
    lease = gateway.lease("t", cap_nusd=1_000_000, deadline_s=20)
    task = asyncio.ensure_future(gateway.call(ASYNC, spec.id, request_of(), lease))
    await asyncio.sleep(0.4)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert lease.spent_nusd > 0
    assert lease.left_nusd == 1_000_000 - lease.spent_nusd
    again = gateway.lease("again", cap_nusd=None, deadline_s=0.3)
    attempt = await gateway.call(ASYNC, spec.id, request_of(), again)
    assert attempt.tries == 1  # the slot was free
    await gateway.aclose()


class Stubborn(BaseChatModel):
    """A user's own model, sync only, that knows nothing of deadlines."""

    seconds: float = 0.0
    running: list = Field(default_factory=list)
    most: list = Field(default_factory=list)
    bubble: bool = False

    @property
    def _llm_type(self):
        return "stubborn"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        assert not kwargs
        self.running.append(1)
        self.most.append(len(self.running))
        time.sleep(self.seconds)
        self.running.pop()
        if self.bubble:
            raise GraphBubbleUp
        return ChatResult(generations=[ChatGeneration(message=AIMessage("done"))])


def test_an_abandoned_call_keeps_its_slot_until_it_really_ends(caller):
    model = Stubborn(seconds=0.8)
    spec = ModelSpec(model, max_in_flight=1, alias="own:stubborn", price=None)
    gateway = caller.gateway(spec)
    drive(gateway.portfolio(SYNC))

    attempt = caller(spec, gateway=gateway, deadline=0.3)
    assert attempt.failure.kind == "timeout"
    assert caller.took < 0.3 + 0.5
    attempt = caller(spec, gateway=gateway, deadline=0.3)
    assert attempt.tries == 0  # still held
    time.sleep(0.6)
    attempt = caller(spec, gateway=gateway, deadline=2.0)
    assert attempt.ok, attempt.failure
    assert max(model.most) == 1
    gateway.close()


def test_a_bubble_of_langgraph_passes_through_after_settling(caller):
    spec = ModelSpec(Stubborn(bubble=True), alias="own:bubble", max_in_flight=1)
    gateway = caller.gateway(spec)
    drive(gateway.portfolio(SYNC))
    with pytest.raises(GraphBubbleUp):
        caller(spec, gateway=gateway)
    with pytest.raises(GraphBubbleUp):
        caller(spec, gateway=gateway)
    gateway.close()


def test_an_unknown_price_is_allowed_only_without_a_limit(caller):
    spec = caller.spec("openai", "ok", price=None)
    free = caller(spec, deadline=5.0)
    capped = caller(spec, deadline=5.0, cap=1_000_000)

    assert free.ok
    assert "unknown" in free.notes[0]
    assert capped.failure.kind == "budget"


def test_a_discovered_cloud_model_has_a_small_budget_of_its_own(caller):
    spec = caller.spec("openai", "ok", price=Price(1e6, 1e6), discovered=True)
    assert caller(spec, deadline=5.0).failure.kind == "budget"


def test_clients_in_use_are_not_closed(caller):
    spec = caller.spec("openai", "slow-close")
    gateway = caller.gateway(spec)
    drive(gateway.portfolio(SYNC))
    lease = gateway.lease("t", cap_nusd=None, deadline_s=5)
    found = []
    thread = threading.Thread(target=lambda: found.append(drive(gateway.call(SYNC, spec.id, request_of(), lease))))
    thread.start()
    time.sleep(0.08)
    gateway.close()
    thread.join()
    after = drive(gateway.call(SYNC, spec.id, request_of(), lease))

    assert found[0].ok, found[0].failure
    assert after.failure.kind == "cancelled"


def test_our_own_rate_limit_refuses_what_cannot_start_in_time(caller):
    spec = caller.spec("openai", "ok", requests_per_minute=2)
    gateway = caller.gateway(spec)
    drive(gateway.portfolio(SYNC))
    leases = [gateway.lease(f"t{n}", cap_nusd=None, deadline_s=2) for n in range(5)]

    attempts = many(caller, gateway, spec, leases)

    assert (
        sorted(attempt.failure.kind if attempt.failure else "ok" for attempt in attempts)
        == ["ok"] * 2 + ["rate_limited"] * 3
    )
