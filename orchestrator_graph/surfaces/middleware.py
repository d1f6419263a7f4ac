"""`OrchestratorMiddleware`: routing for LangChain's `create_agent`, one decision for each run."""

from langchain.agents.middleware import AgentMiddleware

__all__ = ["OrchestratorMiddleware"]


class OrchestratorMiddleware(AgentMiddleware):
    """Being written."""
