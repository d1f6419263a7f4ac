"""What Studio draws and what its forms are made of: the graph at both levels, input, output, and the policy."""

import re
from typing import Any

import httpx
import pytest
from langgraph_sdk.client import SyncLangGraphClient

from orchestrator_graph import Policy
from tests.surfaces.studio.dev_server import ROOT, DevServer
from tests.surfaces.studio.support import OUTPUT

pytestmark = [pytest.mark.studio, pytest.mark.timeout(180)]

OUTER = {"__start__", "analyzer", "dispatch", "synthesizer", "__end__"}
INNER = {f"solve:{name}" for name in ("router", "executor", "judge", "escalate", "person", "__end__")}


@pytest.fixture
def assistant(client: SyncLangGraphClient) -> str:
    """The id of the assistant that the server made of the graph."""
    (found,) = client.assistants.search(graph_id="orchestrator", metadata={"created_by": "system"})
    return str(found["assistant_id"])


def test_the_picture_at_both_levels(client: SyncLangGraphClient, assistant: str, record_property: Any) -> None:
    plain: Any = client.assistants.get_graph(assistant)
    assert {node["id"] for node in plain["nodes"]} == OUTER | {"solve"}
    deep: Any = client.assistants.get_graph(assistant, xray=True)
    assert {node["id"] for node in deep["nodes"]} == OUTER | INNER
    assert {"source": "solve:executor", "target": "solve:judge"} in deep["edges"]
    assert list(client.assistants.get_subgraphs(assistant, recurse=True)) == ["solve"]
    record_property("nodes", f"{len(plain['nodes'])} and {len(deep['nodes'])}")


def test_the_served_graph_is_the_picture_in_the_documents(client: SyncLangGraphClient, assistant: str) -> None:
    served: Any = client.assistants.get_graph(assistant, xray=True)
    page = (ROOT / "docs" / "graph.md").read_text(encoding="utf-8").replace("\\3a", ":")
    drawn = {
        (one, arrow == "-.->", other) for one, arrow, other in re.findall(r"^\t(\S+) (-->|-\.->) (\S+);$", page, re.M)
    }
    assert len(drawn) > len(OUTER)
    assert {(e["source"], e.get("conditional", False), e["target"]) for e in served["edges"]} == drawn


def test_the_context_form_shows_every_policy_field_with_a_description(
    client: SyncLangGraphClient, assistant: str, record_property: Any
) -> None:
    schemas: Any = client.assistants.get_schemas(assistant)
    fields = schemas["context_schema"]["properties"]
    assert set(fields) == set(Policy.model_fields)
    assert [name for name, field in fields.items() if not field.get("description")] == []
    assert fields["tradeoff"]["description"] == "0 = cheapest .. 1 = best; or cheap, balanced, best."
    assert fields["human"]["enum"] == ["never", "ask"]
    assert schemas["context_schema"]["additionalProperties"] is False
    assert schemas["config_schema"]["properties"] == fields
    record_property("fields", len(fields))


def test_input_is_messages_and_output_shows_everything(client: SyncLangGraphClient, assistant: str) -> None:
    schemas: Any = client.assistants.get_schemas(assistant)
    assert list(schemas["input_schema"]["properties"]) == ["messages"]
    assert schemas["input_schema"]["required"] == ["messages"]
    assert set(schemas["output_schema"]["properties"]) == OUTPUT


def test_the_api_describes_itself_without_network(server: DevServer, record_property: Any) -> None:
    """/docs is a page around this; it loads its script from a CDN."""
    described = httpx.get(f"{server.url}/openapi.json", trust_env=False).json()
    assert {"/runs/wait", "/threads/{thread_id}/history", "/mcp/"} <= set(described["paths"])
    record_property("paths", len(described["paths"]))
