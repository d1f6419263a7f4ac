"""What a request may look like, field by field; over HTTP without a client library."""

import socket
import subprocess
import sys
from contextlib import suppress
from typing import Any

import pytest

from tests.surfaces.server.support import QUESTION, ROOT, Child, ask

MANY = 200_000
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{"}}
DEEP = {**CALL, "function": {"name": "f", "arguments": '{"a":' * 2000 + "1" + "}" * 2000}}
IMAGE = {"type": "image_url", "image_url": {"ul": "x"}}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [*QUESTION, {"role": "assistant", "tool_calls": [CALL]}]},
         "messages.1.tool_calls.0.function.arguments"),
        ({"messages": [{"role": "user", "content": [IMAGE]}]}, "messages.0.content.0.image_url.url"),
        ({"messages": [{"role": "user", "content": "  "}]}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.tool_call_id"),
        ({"temprature": 1}, "temprature"),
        ({"temperature": "hot"}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"stop": ""}, "stop"),
        ({"stop": ["a", ""]}, "stop.1"),
        ({"messages": [*QUESTION, {"role": "assistant", "tool_calls": [DEEP]}]},
         "messages.1.tool_calls.0.function.arguments"),
        ({"policy": {"max_cost_usd": 1e308}}, "policy.max_cost_usd"),
        ({"policy": {"trial": {"share": None}}}, "policy.trial"),
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"tools": [{"type": "web_search"}]}, "tools.0.type"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "g"}}}, "tool_choice.function.name"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"policy": {"tradeoff": 7}}, "policy.tradeoff"),
        ({"policy": {"pin": "x"}}, "policy.pin"),
        ({"policy": {"budget": "x"}}, "policy.budget"),
        ({"stream": "yes"}, "stream"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(scripted: Child, fields: dict[str, Any], param: str) -> None:
    status, body, _ = scripted.chat(**fields)
    assert (status, body["error"]["param"]) == (400, param), body
    assert set(body["error"]) == {"message", "type", "param", "code"}


def test_what_is_no_request_at_all(scripted: Child) -> None:
    url = f"{scripted.url}/v1/chat/completions"
    for body, headers, status in [
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b"\xff", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b'{"model": "\\ud800"}', {}, 400),
        ('{"model": "orchestrator", "messages": [{"role": "user", "content": "\\ud800"}]}'.encode("utf-16"), {}, 400),
        (b"{}", {"content-type": "text/plain"}, 415),
        (b"{}", {"origin": "https://evil.example"}, 403),
        (b"{}", {"origin": "http://["}, 403),
    ]:
        assert ask(url, body, headers)[0] == status, (body[:9], headers)
    status, _, headers = ask(url)
    assert (status, headers["allow"]) == (405, "POST")
    status, body, _ = ask(f"{scripted.url}/v1/embeddings", {})
    assert status == 404 and "Served: POST /v1/chat/completions" in body["error"]["message"]


@pytest.mark.parametrize("told", ["Content-Length: 20000001", "Transfer-Encoding: chunked"])
def test_a_body_that_is_too_large_is_not_kept(scripted: Child, told: str) -> None:
    piece = b" " * 1_000_000
    with socket.create_connection(("127.0.0.1", scripted.port), timeout=10) as connection:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{told}\r\n\r\n"
        connection.sendall(head.encode())
        with suppress(ConnectionError):  # it need not read what it refuses
            for _ in range(21 if "chunked" in told else 0):
                connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        answer = ""
        while "}}" not in answer and (more := connection.recv(4096)):
            answer += more.decode()
    assert answer.startswith("HTTP/1.1 413") and "request_too_large" in answer


def test_what_is_said_back_is_short(scripted: Child) -> None:
    status, body, _ = scripted.chat("m" * 1_000_000)
    assert (status, body["error"]["param"]) == (404, "model") and len(body["error"]["message"]) < 1000


def test_the_first_of_many_mistakes_is_enough() -> None:
    counted = f"{{'model': 'm', 'messages': [1] * {MANY}}}"
    code = (
        "import resource\nfrom orchestrator_graph.surfaces.server.completions import Wanted\n"
        "most = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\nbefore = most()\n"
        f"try:\n    Wanted.of({counted})\nexcept Exception as error:\n    print(error.param, most() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    field, kib = done.stdout.split()
    assert field == "messages.0" and int(kib) < MANY / 10  # a list of all mistakes takes a KiB for each


def test_hints_of_openais_own_are_taken(scripted: Child) -> None:
    hints = {"store": False, "service_tier": "auto", "reasoning_effort": "low", "n": 1, "logprobs": False}
    more = {"metadata": {"job": "7"}, "seed": 3, "top_p": 0.9, "temperature": 1, "frequency_penalty": 0}
    assert scripted.chat(**hints, **more, user="ann", stop=None, tools=None)[0] == 200


def test_all_roles_and_parts(scripted: Child) -> None:
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "user", "content": [{"type": "text", "text": "Hello"}], "name": "ann"},
        {"role": "assistant", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "user", "content": "And again"},
    ]
    assert scripted.chat(messages=messages)[1]["choices"][0]["message"]["content"] == "you said: And again"
    for part, needed in (
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}, "vision"),
        ({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}, "audio"),
    ):
        status, body, _ = scripted.chat(messages=[{"role": "user", "content": [{"type": "text", "text": "?"}, part]}])
        assert (status, body["error"]["code"]) == (400, "no_candidate") and needed in body["error"]["message"]


def test_metrics_have_no_text_and_no_unbounded_labels(scripted: Child) -> None:
    for number in range(5):
        scripted.chat(f"nobody-{number}", messages=[{"role": "user", "content": "a secret word"}])
    scripted.chat(messages=[{"role": "user", "content": "a secret word"}])
    scripted.reaches(0, "orchestrator_in_flight")
    text = ask(f"{scripted.url}/metrics")[1]
    assert "secret" not in text and "nobody-" not in text
    assert scripted.metric("orchestrator_tokens_total", model="scriptedchat:able", direction="output") > 0
    assert scripted.metric("orchestrator_cost_usd_total", model="scriptedchat:able") > 0
