"""LangChain's own test suites over a ChatOrchestrator whose pool is SmolLM2 in a real Ollama."""

from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests
from real_server import OllamaServer

from orchestrator_graph import ModelSpec
from orchestrator_graph.surfaces.chat_model import ChatOrchestrator

LONGEST_ANSWER = 160


class Smol:
    """SmolLM2 calls no tools; a JSON Schema it obeys, as Ollama holds it to that."""

    server: OllamaServer

    @pytest.fixture(autouse=True)
    def at(self, at_ollama: OllamaServer) -> None:
        type(self).server = at_ollama

    @pytest.fixture
    def model(self, at: None, request: Any) -> BaseChatModel:
        return self.chat_model_class(**{**self.standard_chat_model_params, **self.chat_model_params})  # type: ignore[attr-defined]

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOrchestrator

    @property
    def chat_model_params(self) -> dict[str, Any]:
        spec = ModelSpec("ollama:smollm2", base_url=self.server.url, capabilities=frozenset({"chat", "json"}))
        return {"orchestrator": [spec], "max_tokens": LONGEST_ANSWER}

    @property
    def has_tool_calling(self) -> bool:
        return False

    @property
    def has_structured_output(self) -> bool:
        return True

    @property
    def structured_output_kwargs(self) -> dict[str, Any]:
        return {"method": "json_schema"}


class TestStandardSmolUnit(Smol, ChatModelUnitTests):
    @property
    def chat_model_params(self) -> dict[str, Any]:
        params = super().chat_model_params
        params.pop("max_tokens")  # the suite gives one of its own
        return params


class TestStandardSmolIntegration(Smol, ChatModelIntegrationTests):
    pass
