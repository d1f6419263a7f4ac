"""LangChain's own test suites over a ChatOrchestrator of the pocket models: real inference, no tools, no JSON."""

from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from orchestrator_graph.surfaces.chat_model import ChatOrchestrator


class Pocket:
    """The capabilities that pocket models lack are switched off."""

    mode = "route"

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOrchestrator

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"orchestrator": "pocket", "mode": self.mode}

    @property
    def has_tool_calling(self) -> bool:
        return False

    @property
    def has_structured_output(self) -> bool:
        return False

    @property
    def model_override_value(self) -> str:
        return "pocket:text"


class TestStandardPocketUnit(Pocket, ChatModelUnitTests):
    pass


class TestStandardPocketIntegration(Pocket, ChatModelIntegrationTests):
    pass


class TestStandardPocketFull(Pocket, ChatModelIntegrationTests):
    mode = "full"
