"""Twenty runs at once: each gets its own sum."""

import asyncio
import time
from typing import Any

import pytest
from langgraph_sdk import get_client

from tests.surfaces.studio.dev_server import DevServer
from tests.surfaces.studio.support import given, last

pytestmark = [pytest.mark.studio, pytest.mark.timeout(180)]

# Sums that pocket:maths is known to get right, all different, so that an answer in the wrong place is seen.
SUMS = [*((11 + 3 * step, 41) for step in range(17)), (11, 35), (14, 35), (17, 24)]


async def test_twenty_parallel_runs_are_all_right_and_none_mixed_up(server: DevServer, record_property: Any) -> None:
    assert len({sum(pair) for pair in SUMS}) == 20
    async with get_client(url=server.url) as client:

        async def ask(one: int, other: int) -> Any:
            task = given(f"Add {one} and {other}")
            thread = (await client.threads.create())["thread_id"]
            return await client.runs.wait(thread, "orchestrator", input=task, context={"pin": "pocket:maths"})

        began = time.perf_counter()
        outs = await asyncio.gather(*(ask(*pair) for pair in SUMS))
        wall_s = time.perf_counter() - began
    assert [last(out) for out in outs] == [str(sum(pair)) for pair in SUMS]
    assert [out["plan"][0]["brief"] for out in outs] == [f"Add {one} and {other}" for one, other in SUMS]
    runs = {out["messages"][-1]["response_metadata"]["run_id"] for out in outs}
    assert len(runs) == 20
    record_property("20 runs in", f"{wall_s:.2f} s")
