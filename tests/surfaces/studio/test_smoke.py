"""`langgraph dev` serves the graph as it is shipped: the one short test of it that `make test` runs."""

from typing import Any

import pytest
from langgraph_sdk.client import SyncLangGraphClient

from tests.surfaces.studio.dev_server import DevServer
from tests.surfaces.studio.support import TASK, assert_whole, given

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def test_it_starts_offline_and_answers(server: DevServer, client: SyncLangGraphClient, record_property: Any) -> None:
    record_property("start", f"{server.started_s:.1f} s")
    assert_whole(client.runs.wait(None, "orchestrator", input=given(TASK)))
