"""What may be said to which client: the parameters of one request, in the words of its provider.

A client that we do not know is given nothing but the messages.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

from orchestrator_graph.gateway.keep_alive import keep_alive_of
from orchestrator_graph.gateway.schema import without_limits
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.types import Request

__all__ = ["Flavour", "flavour_of", "parametrised"]

Flavour = Literal["openai", "azure", "compatible", "ollama", "pocket", "other"]

REASONING_NAME = re.compile(r"^(o\d|gpt-(?:[5-9]|\d\d))(?!.*chat)")
SAMPLE_TEMPERATURE = 0.8
OLLAMA_ONLY = frozenset({"top_k", "repeat_penalty"})
SAMPLING = frozenset({"temperature", "top_p", "seed", "presence_penalty", "frequency_penalty"}) | OLLAMA_ONLY
"""What a caller may say of sampling; reasoning models refuse all of it."""
FLAVOURS: Mapping[str, Flavour] = {
    "AzureChatOpenAI": "azure",
    "BaseChatOpenAI": "openai",
    "ChatOllama": "ollama",
    "PocketChat": "pocket",
}


def flavour_of(model: Any) -> Flavour:
    """Which client a chat model is, by the names of its classes: nothing is imported to find out."""
    names = [cls.__name__ for cls in type(model).__mro__]
    found: Flavour = next((flavour for name, flavour in FLAVOURS.items() if name in names), "other")
    if found == "openai" and "api.openai.com" not in (getattr(model, "openai_api_base", None) or "api.openai.com"):
        return "compatible"
    return found


def parametrised(
    chat: Any, spec: ModelSpec, request: Request, max_tokens: int | None, *, plain: bool
) -> tuple[Any, dict[str, Any]]:
    """The client to use and the keyword arguments of this request.

    Args:
        chat: The shared client; a light copy is returned where parameters live on the object.
        spec: Its spec.
        request: What is asked.
        max_tokens: Bound of the answer.
        plain: Leave out everything optional: the provider refused it before.
    """
    flavour = flavour_of(chat)
    wanted = {"max_tokens": max_tokens, **({} if plain else _optional(spec, request, flavour))}
    wanted = {name: value for name, value in wanted.items() if value is not None and _accepts(spec, name)}
    chat, kwargs = _said(chat, spec, request, wanted, flavour)
    if request.tools:
        choice = {} if request.tool_choice is None else {"tool_choice": request.tool_choice}
        chat = chat.bind_tools([dict(tool) for tool in request.tools], **choice)
    heeds = request.stop and not (_reasons(spec) and flavour in ("openai", "azure"))  # their reasoning models refuse it
    return chat, kwargs | ({"stop": list(request.stop)} if heeds else {})


def _said(
    chat: Any, spec: ModelSpec, request: Request, wanted: dict[str, Any], flavour: Flavour
) -> tuple[Any, dict[str, Any]]:
    if flavour == "ollama":
        return _for_ollama(chat, spec, wanted)
    if flavour == "pocket":
        known = {name: value for name, value in wanted.items() if name in type(chat).model_fields}
        return (chat.model_copy(update=known) if known else chat), {}
    if flavour == "other":
        return chat, _for_other(request, wanted)
    return chat, _for_openai(chat, wanted, flavour, reasoning=_reasons(spec))


def _optional(spec: ModelSpec, request: Request, flavour: Flavour) -> dict[str, Any]:
    reasoning = _reasons(spec)
    wanted: dict[str, Any] = {"json_schema": request.json_schema, "effort": request.effort if reasoning else None}
    if request.logprobs and _can(spec, "logprobs") and (flavour == "ollama" or not reasoning):
        wanted["logprobs"] = True
    if request.sample:
        wanted |= {"temperature": SAMPLE_TEMPERATURE, "seed": request.sample}
    elif isinstance(spec.model, str):
        # Reasoning models loop when they are made greedy; a user's own object keeps the temperature it was given.
        wanted |= {"temperature": None if reasoning else 0.0, "seed": 0}
    wanted |= request.params
    if reasoning and flavour != "ollama":
        wanted |= dict.fromkeys(SAMPLING)
    return wanted


def _for_other(request: Request, wanted: dict[str, Any]) -> dict[str, Any]:
    """What the caller said, and no more: LangChain's own words for it are those of most of its models."""
    own = {name: value for name, value in wanted.items() if name in request.params}
    if request.max_tokens is not None:
        own["max_tokens"] = request.max_tokens
    if "json_schema" in wanted:
        own["response_format"] = _response_format(wanted["json_schema"])
    return own


def _response_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def _for_ollama(chat: Any, spec: ModelSpec, wanted: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    fields = {name: wanted[name] for name in SAMPLING & set(wanted) & set(type(chat).model_fields)}
    fields["num_predict"] = wanted.get("max_tokens")
    if isinstance(spec.model, str):
        fields["num_ctx"] = spec.context  # always the same one: another would load the model anew
        fields["keep_alive"] = None if spec.keep_alive is None else keep_alive_of(spec.keep_alive)
    copy = chat.model_copy(update={name: value for name, value in fields.items() if value is not None})
    kwargs: dict[str, Any] = {"logprobs": True, "top_logprobs": 2} if "logprobs" in wanted else {}
    if "json_schema" in wanted:
        kwargs["format"] = without_limits(wanted["json_schema"])
    if effort := wanted.get("effort"):
        kwargs["reasoning"] = effort if "gpt-oss" in spec.name else effort != "none"
    return copy, kwargs


def _for_openai(chat: Any, wanted: dict[str, Any], flavour: Flavour, *, reasoning: bool) -> dict[str, Any]:
    kwargs: dict[str, Any] = {name: wanted[name] for name in SAMPLING - OLLAMA_ONLY if name in wanted}
    # In the body, not as arguments: LangChain's `response_format` path raises on answers that were cut, and it renames
    # `max_tokens` to what servers other than OpenAI's own do not know.
    body: dict[str, Any] = dict(getattr(chat, "extra_body", None) or {})
    if "max_tokens" in wanted:
        modern = flavour == "openai" or (flavour == "azure" and reasoning)
        body["max_completion_tokens" if modern else "max_tokens"] = wanted["max_tokens"]
    if "json_schema" in wanted:
        asked = wanted["json_schema"]
        body["response_format"] = _response_format(without_limits(asked) if flavour == "compatible" else asked)
    if "logprobs" in wanted:
        kwargs |= {"logprobs": True, "top_logprobs": 2}
    if "effort" in wanted:
        kwargs["reasoning_effort"] = wanted["effort"]
    return kwargs | ({"extra_body": body} if body else {})


def _reasons(spec: ModelSpec) -> bool:
    return spec.has("reasoning") or bool(REASONING_NAME.match(spec.name))


def _can(spec: ModelSpec, capability: str) -> bool:
    return spec.capabilities is None or capability in spec.capabilities


def _accepts(spec: ModelSpec, name: str) -> bool:
    return spec.parameters is None or name in spec.parameters
