"""The parts that a request passes, one by one, and the app inside another one."""

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from starlette.applications import Starlette
from starlette.routing import Mount

from orchestrator_graph import ModelSpec, Orchestrator, Policy
from orchestrator_graph.config import load
from orchestrator_graph.errors import ConfigError
from orchestrator_graph.server_keys import ServerKey
from orchestrator_graph.surfaces.failed import AnswerError
from orchestrator_graph.surfaces.loop import RECORD
from orchestrator_graph.surfaces.server import Keys, create_app
from orchestrator_graph.surfaces.server.allowed import allowed
from orchestrator_graph.surfaces.server.errors import RefusedError, problem_of
from orchestrator_graph.surfaces.server.loops import Loops
from orchestrator_graph.surfaces.server.present import must_finish
from orchestrator_graph.surfaces.server.replies import Reply
from orchestrator_graph.types import Failure
from tests.surfaces.server.support import ROOT


def calling(name: str) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": name, "type": "tool_call"}])


def test_a_loop_is_known_to_its_own_caller_only_and_not_for_ever() -> None:
    loops = Loops(most=2)
    loops.keep("ann", ["a"], {"candidate": "m", "bill": {"lines": []}})
    assert loops.recall("ann", [calling("a")])[0].response_metadata == {RECORD: {"candidate": "m"}}
    assert loops.recall("bob", [calling("a")])[0].response_metadata == {}
    loops.keep("ann", ["b"], {"candidate": "m"})
    loops.recall("ann", [HumanMessage("x"), calling("a")])  # used again: the other one is the oldest now
    loops.keep("ann", ["c"], {"candidate": "m"})
    assert [bool(loops.recall("ann", [calling(n)])[0].response_metadata) for n in "abc"] == [True, False, True]


@pytest.mark.parametrize(
    ("base", "asked", "keyed", "result"),
    [
        ({"max_cost_usd": 1.0}, {"max_cost_usd": 5.0}, False, {"max_cost_usd": 1.0}),
        ({"max_cost_usd": 1.0}, {"max_cost_usd": 0.5}, False, {"max_cost_usd": 0.5}),
        ({"max_cost_usd": 1.0}, {"max_cost_usd": None}, False, {"max_cost_usd": 1.0}),
        ({}, {"max_cost_usd": 0.5}, False, {"max_cost_usd": 0.5}),
        ({"deny": ["a"]}, {"deny": ["b"]}, False, {"deny": ["a", "b"]}),
        ({"tradeoff": 0.1}, {"tradeoff": 0.9}, True, {"tradeoff": 0.9}),
        ({"private": False}, {"private": True}, True, {"private": True}),
        ({"private": True}, {"private": True}, True, {"private": True}),
        ({}, {"tenant": "x"}, False, {"tenant": "x"}),
        ({"pin": "a"}, {"pin": "a"}, True, {"pin": "a"}),
        ({"private": True}, {"private": False}, False, None),
        ({"tenant": "x"}, {"tenant": "y"}, False, None),
        ({}, {"tenant": "x"}, True, None),
        ({"pin": "a"}, {"pin": "b"}, False, None),
        ({"pii": "refuse"}, {"pii": "ignore"}, False, None),
        ({}, {"run_code": True}, False, None),
        ({}, {"human": "ask"}, False, None),
    ],
)
def test_what_a_request_may_say(base: Any, asked: Any, keyed: bool, result: Any) -> None:
    if result is None:
        with pytest.raises(RefusedError) as refused:
            allowed(Policy(**base), Policy(**asked), keyed=keyed)
        assert refused.value.status == 403
    else:
        told = allowed(Policy(**base), Policy(**asked), keyed=keyed)
        assert {name: getattr(told, name) for name in told.model_fields_set} == result


def test_a_key_is_compared_and_not_kept() -> None:
    keys = Keys.of([ServerKey("app", Policy(tenant="t"), key_env="K")], {"K": "sk-very-secret"})
    assert keys.caller({"authorization": "Bearer sk-very-secret"}).name == "app"
    assert "very-secret" not in repr(vars(keys))
    for wrong in ("Bearer sk-very-secre", "Bearer ", "Basic sk-very-secret", ""):
        with pytest.raises(RefusedError):
            keys.caller({"authorization": wrong})


def test_pieces_of_calls_without_numbers_are_told_apart() -> None:
    reply = Reply("x")
    chunks = [
        AIMessageChunk("", tool_call_chunks=[{"name": "f", "args": '{"a":1}', "id": name, "index": None}])
        for name in ("p", "q")
    ]
    parts = [d["choices"][0]["delta"]["tool_calls"][0] for chunk in chunks for d in reply.deltas(chunk)]
    assert [part["index"] for part in parts] == [0, 1]
    assert [part["id"] for part in parts] == reply.ids and len(set(reply.ids)) == 2
    assert next(reply.last(counted=False))["choices"][0]["finish_reason"] == "tool_calls"


def test_what_is_not_ours_is_not_quoted() -> None:
    problem = problem_of(RuntimeError("the user's secret"))
    assert problem.status == 500 and "secret" not in json.dumps(problem.body)


@pytest.mark.parametrize(
    ("kind", "status"),
    [("budget", 429), ("timeout", 504), ("connection", 502), ("overloaded", 503), ("context_overflow", 400)],
)
def test_each_failure_has_a_status(kind: Any, status: int) -> None:
    problem = problem_of(AnswerError(Failure(kind, "why", retry_after_s=1.2)))
    assert (problem.status, problem.headers) == (status, {"retry-after": "2"})


def test_only_quick_models_of_ollama_are_read_to_the_end() -> None:
    specs = [
        ModelSpec("ollama:quick", seconds_per_token=0.001, base_url="http://127.0.0.1:1"),
        ModelSpec("ollama:slow", seconds_per_token=0.05, base_url="http://127.0.0.1:1"),
        ModelSpec("openai:quick", seconds_per_token=0.001, base_url="http://127.0.0.1:1"),
    ]
    with Orchestrator("pocket") as orchestrator:
        found = {spec.id: must_finish(spec.id, {spec.id: spec}, orchestrator.gateway) for spec in specs}  # type: ignore[arg-type]
    assert found == {"ollama:quick": True, "ollama:slow": False, "openai:quick": False}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('[server.keys.a]\nkey = "sk-in-clear"', "line 2: server.keys.a.key: unknown key"),
        ("[server.keys.a]", "line 1: server.keys.a: give either key_env"),
        ('[server.keys.a]\nsha256 = "12"', "line 2: server.keys.a.sha256: not 64 lower-case hexadecimal digits"),
        (f'[server.keys.a]\nsha256 = "{sha256().hexdigest()}"', "server.keys.a.sha256: the digest of no text"),
        ('[server.keys.a]\nkey_env = "A"\nbudget = "x"', "server.keys.a.budget: 'x' is no budget of this file"),
        ('[server.keys.a]\nkey_env = "A"\npolicy = { privat = true }', "policy.privat: unknown field"),
        ('[server.keys.a]\nkey_env = "A"\ntenant = "b c"', "policy.tenant = 'b c'"),
        ("[server]\nport = 1", "line 2: server.port: unknown key. Known keys: keys"),
    ],
)
def test_a_mistake_in_the_file_names_its_line(tmp_path: Path, lines: str, said: str) -> None:
    path = tmp_path / "orchestrator.toml"
    path.write_text(lines)
    with pytest.raises(ConfigError) as wrong:
        load(path)
    assert said in str(wrong.value) and "sk-in-clear" not in str(wrong.value)


async def test_the_app_inside_another_one_on_pocket_models() -> None:
    async with Orchestrator("pocket") as orchestrator:
        outer = Starlette(routes=[Mount("/llm", create_app(orchestrator))])
        transport = httpx.ASGITransport(outer)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            asked = {"model": "orchestrator", "messages": [{"role": "user", "content": "Add 47 and 38"}]}
            answer = (await client.post("/llm/v1/chat/completions", json=asked)).json()
            assert answer["choices"][0]["message"]["content"] == "85"
            assert answer["model"].startswith("pocket:")
            private = {**asked, "model": "orchestrator:local"}
            told = (await client.post("/llm/v1/chat/completions", json=private)).json()["orchestrator"]
            assert told["private"] is True
            assert (await client.get("/llm/v1/nothing")).json()["error"]["code"] == "not_found"


def test_without_the_extra_the_command_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['starlette'] = None; from orchestrator_graph.cli import main; main()"
    settings = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-c", code, "serve", "--models", "pocket"],
        cwd=tmp_path, env=settings, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2 and 'pip install "orchestrator-graph[server]"' in done.stderr
