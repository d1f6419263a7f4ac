"""LangChain's own test suites for chat models, over a ChatOrchestrator whose pool is the shipped scripted model."""

from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from orchestrator_graph.surfaces.chat_model import ChatOrchestrator
from tests.surfaces.scripted import filled, scripted, used


def pool() -> list[Any]:
    weak = scripted("weak", 0.5, 0.1, replies=used, shapes=filled, alias="weak")
    return [scripted("able", 0.95, replies=used, shapes=filled), weak]


class Scripted:
    """What both suites are told. Media are switched off: their tests fetch pictures from the internet."""

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOrchestrator

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"orchestrator": pool()}

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return "weak"


class TestStandardUnit(Scripted, ChatModelUnitTests):
    pass


class TestStandardIntegration(Scripted, ChatModelIntegrationTests):
    """The shapes by a tool call."""

    @property
    def structured_output_kwargs(self) -> dict[str, Any]:
        return {"method": "function_calling"}


class TestStandardJsonSchema(Scripted, ChatModelIntegrationTests):
    """The shapes by JSON Schema instead of by a tool call."""

    @property
    def structured_output_kwargs(self) -> dict[str, Any]:
        return {"method": "json_schema"}

    @property
    def has_tool_calling(self) -> bool:
        return False  # seen above


class TestStandardFull(Scripted, ChatModelIntegrationTests):
    """Full mode: plain tasks go through the graph, tools and shapes are routed."""

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"orchestrator": pool(), "mode": "full"}
