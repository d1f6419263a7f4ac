"""Every fault of a real server: what it is called, what comes next, and that it ended by the deadline."""

import pytest

from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.gateway.door import next_action

OPENAI = {
    "401": ("auth", "other_candidate"),
    "404": ("not_found", "other_candidate"),
    "429-long": ("rate_limited", "same_again"),
    "500": ("overloaded", "same_again"),
    "529": ("overloaded", "same_again"),
    "hang": ("timeout", "other_candidate"),
    "drip": ("timeout", "other_candidate"),
    "headdrip": ("timeout", "other_candidate"),
    "truncated": ("truncated_stream", "same_again"),
    "cut": ("truncated_stream", "same_again"),
    "empty": ("empty", "other_candidate"),
    "html": ("bad_response", "other_candidate"),
    "overflow": ("context_overflow", "larger_context"),
    "quota": ("auth", "other_candidate"),
    "invalid": ("invalid_request", "other_candidate"),
    "refusal": ("refusal", "other_candidate"),
    "filter": ("content_filtered", "other_candidate"),
    "length": ("length", "other_candidate"),
    "thinking": ("length", "other_candidate"),
    "error200": ("overloaded", "same_again"),
    "badtool": ("bad_response", "other_candidate"),
    "nochoices": ("empty", "other_candidate"),
    "redirect": ("bad_response", "other_candidate"),
}
OLLAMA = {
    "404": ("not_found", "other_candidate"),
    "500": ("overloaded", "same_again"),
    "hang": ("timeout", "other_candidate"),
    "drip": ("timeout", "other_candidate"),
    "truncated": ("truncated_stream", "same_again"),
    "cut": ("truncated_stream", "same_again"),
    "empty": ("empty", "other_candidate"),
    "load": ("empty", "other_candidate"),
    "thinking": ("length", "other_candidate"),
    "html": ("bad_response", "other_candidate"),
    "overflow": ("context_overflow", "larger_context"),
    "filled": ("context_overflow", "larger_context"),
    "error200": ("bad_response", "other_candidate"),
    "redirect": ("bad_response", "other_candidate"),
}
# LangChain drops these facts from a stream: the next action is the same or harmless.
STREAMED = {"refusal": "empty", "nochoices": "truncated_stream"}
CASES = [("openai", *case) for case in OPENAI.items()] + [("ollama", *case) for case in OLLAMA.items()]
FREE = {"401", "404", "429-long", "overflow", "quota", "invalid", "redirect"}


@pytest.mark.parametrize(("protocol", "fault", "expected"), CASES, ids=[f"{p}-{f}" for p, f, _ in CASES])
def test_a_fault_has_a_kind_a_next_action_and_an_end(talker, protocol, fault, expected):
    deadline = 0.6 if expected[0] == "timeout" else 2.0
    attempt = talker(talker.spec(protocol, fault), deadline=deadline)

    assert attempt.failure is not None
    kind = STREAMED.get(fault, expected[0]) if talker.stream else expected[0]
    assert attempt.failure.kind == kind, attempt.failure
    assert next_action(expected[0]) == expected[1]
    assert talker.took <= deadline + 2.0
    assert "sk-secret" not in attempt.failure.message
    if protocol == "openai":
        assert (attempt.cost_nusd == 0) == (fault in FREE), attempt
    assert talker.lease.spent_nusd == attempt.cost_nusd


@pytest.mark.parametrize("protocol", ["openai", "ollama"])
def test_a_refused_connection_costs_nothing(talker, closed_port, protocol):
    if protocol == "ollama":
        # Discovery needs a server: the model is found first, and its server gone when it is asked.
        spec = talker.spec("ollama", "ok", alias="gone")
        gateway = talker.gateway(spec)
        portfolio = drive(gateway.portfolio(SYNC))
        object.__setattr__(portfolio["gone"], "base_url", f"http://127.0.0.1:{closed_port}")
        attempt = talker(spec, gateway=gateway)
        gateway.close()
    else:
        attempt = talker(talker.spec("openai", "ok", base_url=f"http://127.0.0.1:{closed_port}/v1"))

    assert attempt.failure is not None
    assert attempt.failure.kind == "connection"
    assert next_action("connection") == "same_again"
    assert attempt.cost_nusd == 0
    assert talker.took <= 1.0 + 2.0


@pytest.mark.parametrize("protocol", ["openai", "ollama"])
def test_a_good_answer_is_read_whole(talker, protocol):
    attempt = talker(talker.spec(protocol, "ok"), deadline=5.0)

    assert attempt.ok, attempt.failure
    assert attempt.text.strip() == "forty two"
    assert attempt.usage.input_tokens == 20
    assert attempt.logprobs[0].logprob < 0
    assert attempt.usage.measured
    assert attempt.tries == 1
    assert attempt.answered_by == "ok"
    assert attempt.cost_nusd == (26_000 if protocol == "openai" else 0)
    assert attempt.billed == (protocol == "openai")
    if talker.stream:
        assert "".join(talker.tokens).strip() == "forty two"
        assert attempt.first_token_s is not None


def test_a_short_retry_after_is_honoured_within_the_deadline(talker):
    attempt = talker(talker.spec("openai", "429-short"), deadline=3.0)

    assert attempt.failure is not None
    assert attempt.failure.kind == "rate_limited"
    assert attempt.tries == 3
    assert 0.4 <= talker.took <= 3.0


def test_a_long_retry_after_is_not_slept_through(talker):
    attempt = talker(talker.spec("openai", "429-long"), deadline=5.0)

    assert attempt.failure is not None
    assert attempt.failure.retry_after_s == 90
    assert attempt.tries == 1
    assert talker.took < 1.0


def test_an_answer_after_two_errors_is_an_answer(talker):
    name = f"flaky-{talker.stream}-{talker.is_async}-2"
    attempt = talker(talker.spec("openai", name), deadline=10.0)

    assert attempt.ok, attempt.failure
    assert attempt.tries == 3
    assert attempt.cost_nusd > 26_000  # the failed tries are charged too
    assert not attempt.cost_measured


@pytest.mark.parametrize("fault", ["usage-negative", "usage-absent", "usage-text"])
def test_bad_usage_is_replaced_by_our_own_estimate(talker, fault):
    attempt = talker(talker.spec("openai", fault))

    if talker.stream and fault == "usage-text":
        assert attempt.failure.kind == "truncated_stream"  # LangChain itself raises on such a chunk
    else:
        assert attempt.ok, attempt.failure
    assert attempt.usage.input_tokens > 0
    assert attempt.usage.output_tokens > 0
    assert not attempt.usage.measured
    assert attempt.cost_nusd > 0


def test_a_stream_that_was_shown_is_never_started_again(caller):
    caller.stream = True
    attempt = caller(caller.spec("openai", "truncated"), deadline=5.0)

    assert attempt.failure is not None
    assert attempt.failure.kind == "truncated_stream"
    assert attempt.tries == 1
    assert caller.tokens


def test_a_prompt_that_cannot_fit_is_not_sent(caller):
    attempt = caller(caller.spec("openai", "never-asked", context=100), text="word " * 2000)

    assert attempt.failure is not None
    assert attempt.failure.kind == "context_overflow"
    assert "never-asked" not in caller.server.seen()["requests"]
    assert attempt.cost_nusd == 0


def test_a_server_that_refuses_optional_parameters_is_asked_without_them(caller):
    spec = caller.spec("openai", "picky")
    gateway = caller.gateway(spec)
    first = caller(spec, gateway=gateway, deadline=5.0)
    second = caller(spec, gateway=gateway, deadline=5.0)
    gateway.close()

    assert first.ok, first.failure
    assert (first.tries, second.tries) == (2, 1)


def test_a_prompt_that_filled_the_context_over_v1_was_cut(caller):
    attempt = caller(caller.spec("openai", "ok", context=21), deadline=5.0)

    assert attempt.failure is not None
    assert attempt.failure.kind == "context_overflow"
