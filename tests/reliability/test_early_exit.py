"""A stream whose answer becomes too improbable is closed, paid for as far as it came, and never spliced or retried."""

import math
import time

import pytest

from orchestrator_graph.gateway.breaker import BreakerRule
from tests.reliability.token_server import DOUBT, FALLS_AT, LENGTHS, PAUSE_S, SURE

LIMIT = 0.9


@pytest.fixture(params=["ollama", "openai"])
def protocol(request):
    return request.param


def text_of(count):
    return "".join(f" w{n}" for n in range(1, count + 1))


@pytest.fixture
def asks(caller, streamer, protocol):
    """Asks a model of the streaming server: the attempt, and what the server saw of it once it was over."""
    caller.server = streamer

    def ask(name, *, gateway=None, spec=None, **fields):
        known = spec or caller.spec(protocol, name, seconds_per_token=PAUSE_S)
        attempt = caller(known, deadline=20.0, gateway=gateway, **fields)
        for _ in range(500):
            record = streamer.seen()[name][-1]
            if record["over"]:
                return attempt, record
            time.sleep(0.01)
        raise AssertionError(f"the server still streams {name}")

    ask.caller = caller
    return ask


def test_the_server_is_left_as_soon_as_the_answer_falls_below_the_limit(asks):
    attempt, record = asks("falls", give_up_below=LIMIT)

    assert attempt.failure.kind == attempt.finish == "early_exit"
    assert "given up after 4 tokens" in attempt.failure.message
    assert attempt.text == text_of(FALLS_AT)
    assert math.isclose(sum(t.logprob for t in attempt.logprobs), (FALLS_AT - 1) * SURE + DOUBT)
    assert record["left"]
    assert FALLS_AT <= record["sent"] < LENGTHS["falls"] / 2


def test_only_what_came_is_paid_and_it_is_called_an_estimate(asks, protocol):
    attempt, _ = asks("falls", give_up_below=LIMIT)

    assert attempt.usage.output_tokens == FALLS_AT
    assert attempt.usage.input_tokens > 0
    assert not attempt.usage.measured
    assert not attempt.cost_measured
    assert attempt.tries == 1
    if protocol == "openai":
        spec = asks.caller.spec("openai", "falls")
        assert attempt.cost_nusd == spec.cost_nusd(attempt.usage.input_tokens, FALLS_AT)
        assert asks.caller.lease.spent_nusd == attempt.cost_nusd


def test_a_sure_answer_is_heard_to_its_end(asks):
    attempt, record = asks("sure", give_up_below=LIMIT)

    assert attempt.ok, attempt.failure
    assert (record["sent"], record["left"]) == (LENGTHS["sure"], False)
    assert (attempt.usage.output_tokens, attempt.usage.measured) == (LENGTHS["sure"], True)


def test_without_log_probabilities_nothing_is_stopped(asks, protocol):
    silent, record = asks("mute", give_up_below=LIMIT)
    assert silent.ok, silent.failure
    assert (record["sent"], record["left"]) == (LENGTHS["mute"], False)

    unable, record = asks("slips", give_up_below=LIMIT, logprobs=False)
    assert unable.ok, unable.failure
    assert (record["sent"], record["logprobs"]) == (LENGTHS["slips"], False)


def test_a_quick_or_unknown_model_of_ollama_is_heard_out(asks, protocol):
    for pace in (0.0005, None):
        spec = asks.caller.spec(protocol, "slips", seconds_per_token=pace)
        attempt, _ = asks("slips", spec=spec, give_up_below=LIMIT)
        assert attempt.ok == (protocol == "ollama")


def test_what_the_caller_sees_is_never_taken_back(asks):
    asks.caller.stream = True
    attempt, record = asks("slips", give_up_below=LIMIT)

    assert attempt.ok, attempt.failure
    assert (record["sent"], record["left"]) == (LENGTHS["slips"], False)
    assert "".join(asks.caller.tokens) == attempt.text


def test_the_endpoint_stays_healthy_and_the_next_answer_starts_afresh(asks, protocol):
    spec = asks.caller.spec(protocol, "slips", seconds_per_token=PAUSE_S)
    gateway = asks.caller.gateway(spec, breaker=BreakerRule(failures=1))
    try:
        for _ in range(3):
            attempt, _ = asks("slips", spec=spec, gateway=gateway, give_up_below=LIMIT)
            assert attempt.failure.kind == "early_exit"
            assert gateway.healthy(spec.id)
        assert gateway.seconds_per_call(spec.id) is None  # a part tells nothing of how fast the model is
        whole, record = asks("slips", spec=spec, gateway=gateway)
        assert whole.ok, whole.failure
        assert (whole.text, record["sent"]) == (text_of(LENGTHS["slips"]), LENGTHS["slips"])
    finally:
        gateway.close()
