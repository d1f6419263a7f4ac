"""What becomes of each wish at each client: the bytes that real clients put on the wire, in one table."""

import json
import random
from typing import Any

import httpx
import pytest
from langchain_core.messages import HumanMessage
from langchain_ollama import ChatOllama
from langchain_openai import AzureChatOpenAI, ChatOpenAI
from pydantic import PrivateAttr

from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.gateway.door import Gateway
from orchestrator_graph.gateway.parameters import flavour_of
from orchestrator_graph.registry.spec import ModelSpec, Price
from orchestrator_graph.testing import ScriptedChat
from orchestrator_graph.types import Attempt, Request
from tests.reliability.conftest import FaultServer

SHAPE = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 5}}, "required": ["a"]}
LOOSE = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
TOOL = {"type": "function", "function": {"name": "f", "description": "f", "parameters": {"type": "object"}}}
WISHES: dict[str, dict[str, Any]] = {
    "max_tokens": {"max_tokens": 50},
    "temperature": {"params": {"temperature": 0.3}},
    "top_p": {"params": {"top_p": 0.9}},
    "seed": {"params": {"seed": 7}},
    "penalties": {"params": {"presence_penalty": 0.1, "frequency_penalty": 0.2}},
    "stop": {"stop": ("END",)},
    "shape": {"json_schema": SHAPE},
    "tools": {"tools": (TOOL,)},
    "any tool": {"tools": (TOOL,), "tool_choice": "any"},
    "this tool": {"tools": (TOOL,), "tool_choice": "f"},
    "logprobs": {"logprobs": True},
    "effort": {"effort": "low"},
}
NOTHING: dict[str, Any] = {}


def openai(bound: str, schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        "max_tokens": {bound: 50},
        "temperature": {"temperature": 0.3},
        "top_p": {"top_p": 0.9},
        "seed": {"seed": 7},
        "penalties": {"presence_penalty": 0.1, "frequency_penalty": 0.2},
        "stop": {"stop": ["END"]},
        "shape": {
            "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}},
        },
        "tools": {"tools": [TOOL]},
        "any tool": {"tools": [TOOL], "tool_choice": "required"},
        "this tool": {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}},
        "logprobs": {"logprobs": True, "top_logprobs": 2},
        "effort": NOTHING,
    }


REASONING = dict.fromkeys(("temperature", "top_p", "seed", "penalties", "stop", "logprobs"), NOTHING)
REASONING["effort"] = {"reasoning_effort": "low"}
OLLAMA = {
    "max_tokens": {"options": {"num_predict": 50}},
    "temperature": {"options": {"temperature": 0.3}},
    "top_p": {"options": {"top_p": 0.9}},
    "seed": {"options": {"seed": 7}},
    "penalties": NOTHING,  # its client has no word for them
    "stop": {"options": {"stop": ["END"]}},
    "shape": {"format": LOOSE},
    "tools": {"tools": [TOOL]},
    "any tool": {"tools": [TOOL]},  # it has no word for a choice
    "this tool": {"tools": [TOOL]},
    "logprobs": {"logprobs": True, "top_logprobs": 2},
    "effort": NOTHING,
}
TABLE: dict[str, dict[str, dict[str, Any]]] = {
    "openai": openai("max_completion_tokens", SHAPE),
    "openai, reasoning": {**openai("max_completion_tokens", SHAPE), **REASONING},
    "azure": openai("max_tokens", SHAPE),
    "azure, reasoning": {**openai("max_completion_tokens", SHAPE), **REASONING},
    "compatible": openai("max_tokens", LOOSE),
    "compatible, by name": openai("max_tokens", LOOSE),
    "ollama": OLLAMA,
    "ollama, by name": OLLAMA,
    "ollama, reasoning": {**OLLAMA, "effort": {"think": True}},
    "unknown": {
        **openai("max_tokens", SHAPE),
        "any tool": {"tools": [TOOL], "tool_choice": "any"},
        "this tool": {"tools": [TOOL], "tool_choice": "f"},
        "logprobs": NOTHING,
    },
}
ROWS = [(client, wish) for client in TABLE for wish in WISHES]


class Unknown(ScriptedChat):
    """A client of a provider that we have no table for; keeps what it is given."""

    _given: dict[str, Any] = PrivateAttr(default_factory=dict)

    def _answer(self, messages: Any, given: dict[str, Any]) -> Any:
        self._given = {name: value for name, value in given.items() if value is not None}
        return super()._answer(messages, given)


@pytest.fixture(scope="module")
def server() -> Any:
    server = FaultServer()
    yield server
    server.stop()


class Nearby(httpx.HTTPTransport):
    """Sends what is meant for api.openai.com to the loopback server."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self.port)
        return super().handle_request(request)


def spec_of(client: str, server: FaultServer) -> ModelSpec:
    able = {"chat", "tools", "json", "logprobs", *(["reasoning"] if client.endswith("reasoning") else [])}
    told: dict[str, Any] = {"capabilities": frozenset(able), "price": Price(1.0, 2.0)}
    key: dict[str, Any] = {"api_key": "k", "max_retries": 0}
    if client == "compatible, by name":
        return ModelSpec("openai:qwen", base_url=f"{server.url}/v1", api_key_env="KEY", **told)
    if client == "ollama, by name":
        return ModelSpec("ollama:ok", base_url=server.url, **told)
    name = "gpt-5-mini" if client.endswith("reasoning") else "gpt-4.1-mini"
    if client.startswith("openai"):
        return ModelSpec(ChatOpenAI(model=name, http_client=httpx.Client(transport=Nearby(server.port)), **key), **told)
    if client.startswith("azure"):
        at = {"azure_endpoint": server.url, "api_version": "2024-10-21", "azure_deployment": "d"}
        return ModelSpec(AzureChatOpenAI(model=name, **at, **key), **told)
    if client == "compatible":
        return ModelSpec(ChatOpenAI(model="qwen", base_url=f"{server.url}/v1", **key), **told)
    if client.startswith("ollama"):
        return ModelSpec(ChatOllama(model="ok", base_url=server.url, num_ctx=256), **told)
    return ModelSpec(Unknown(), **told)


def asked(spec: ModelSpec, **wishes: Any) -> Attempt:
    gateway = Gateway([spec], environ={"KEY": "sk-not-a-secret-1"})
    drive(gateway.portfolio(SYNC))
    lease = gateway.lease(str(random.random()), cap_nusd=None, deadline_s=20)
    request = Request((HumanMessage("Hello"),), **{"logprobs": False, **wishes})
    attempt = drive(gateway.call(SYNC, spec.id, request, lease))
    gateway.close()
    return attempt


def sent(spec: ModelSpec, server: FaultServer, **wishes: Any) -> dict[str, Any]:
    """The body of the one request, or what an unknown client was given."""
    before = len(server.seen()["bodies"])
    attempt = asked(spec, **wishes)
    assert attempt.ok, attempt.failure
    if isinstance(spec.model, Unknown):
        return spec.model._given
    told = [item for item in server.seen()["bodies"][before:] if "/chat" in item["line"]]
    assert len(told) == 1
    body: dict[str, Any] = json.loads(told[0]["body"])
    return body


def more(body: dict[str, Any], plain: dict[str, Any]) -> dict[str, Any]:
    """What the wish added or changed; options of Ollama one by one."""
    found = {name: value for name, value in body.items() if plain.get(name) != value}
    if "options" in found:
        found["options"] = {n: v for n, v in found["options"].items() if plain["options"].get(n) != v}
    return found


@pytest.mark.parametrize(("client", "wish"), ROWS)
def test_a_wish_is_told_in_the_clients_words_or_not_at_all(client: str, wish: str, server: FaultServer) -> None:
    spec = spec_of(client, server)
    plain = sent(spec, server)
    assert more(sent(spec, server, **WISHES[wish]), plain) == TABLE[client][wish]


@pytest.mark.parametrize("client", TABLE)
def test_each_client_is_known_for_what_it_is(client: str, server: FaultServer) -> None:
    spec = spec_of(client, server)
    flavour = {"unknown": "other"}.get(client, client.partition(",")[0])
    if not isinstance(spec.model, str):
        assert flavour_of(spec.model) == flavour


@pytest.mark.parametrize("client", ["compatible, by name", "ollama, by name"])
def test_what_is_built_by_us_is_greedy_unless_told_otherwise(client: str, server: FaultServer) -> None:
    body = sent(spec_of(client, server), server)
    assert {**body, **body.get("options", {})}.items() >= {"temperature": 0.0, "seed": 0}.items()


@pytest.mark.parametrize("client", ["openai", "azure", "compatible", "ollama"])
def test_a_users_own_object_keeps_its_sampling(client: str, server: FaultServer) -> None:
    body = sent(spec_of(client, server), server)
    assert not {"temperature", "seed"} & {*body, *body.get("options", {})}


def test_a_pocket_model_takes_its_bound_and_stop_and_does_without_the_rest() -> None:
    spec = ModelSpec("pocket:text")

    def text(**wishes: Any) -> str:
        messages = (HumanMessage("Reverse lantern"),)
        gateway = Gateway([spec], environ={})
        drive(gateway.portfolio(SYNC))
        lease = gateway.lease("run", cap_nusd=None, deadline_s=20)
        return drive(gateway.call(SYNC, spec.id, Request(messages, **wishes), lease)).text

    assert text() == "nretnal"
    assert text(max_tokens=3) == "nre"
    assert text(stop=("n",)) == ""
    assert text(stop=("t",)) == "nre"
    assert text(params={"temperature": 3.0, "seed": 1}) == text(params={"temperature": 3.0, "seed": 1}) != "nretnal"
    assert text(params={"top_p": 0.1, "presence_penalty": 1.0}, effort="low", json_schema=SHAPE) == "nretnal"


def test_a_bound_of_the_parameters_of_a_spec_is_kept(server: FaultServer) -> None:
    spec = ModelSpec(ChatOpenAI(model="qwen", base_url=f"{server.url}/v1", api_key="k"), parameters=frozenset({"seed"}))
    wishes = {"max_tokens": 50, "params": {"seed": 7, "temperature": 0.3}}
    assert more(sent(spec, server, **wishes), sent(spec, server)) == {"seed": 7}
