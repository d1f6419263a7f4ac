"""Two hundred at once: each gets its own answer."""

import asyncio
import time

import httpx
import openai
import pytest

from tests.surfaces.server.support import Child

AT_ONCE = 200


@pytest.mark.parametrize("stream", [False, True])
async def test_two_hundred_at_once_are_not_mixed_up(scripted: Child, stream: bool) -> None:
    limits = httpx.Limits(max_connections=AT_ONCE)
    took: list[float] = []
    async with (
        httpx.AsyncClient(trust_env=False, limits=limits, timeout=60) as http,
        openai.AsyncOpenAI(base_url=f"{scripted.url}/v1", api_key="any", http_client=http, max_retries=0) as client,
    ):

        async def one(number: int) -> str:
            began = time.monotonic()
            messages = [{"role": "user", "content": f"This is number {number}."}]
            answer = await client.chat.completions.create(model="orchestrator", messages=messages, stream=stream)
            said = (
                answer.choices[0].message.content
                if not stream
                else "".join([chunk.choices[0].delta.content or "" async for chunk in answer])
            )
            took.append(time.monotonic() - began)
            return said or ""

        began = time.monotonic()
        answers = await asyncio.gather(*(one(number) for number in range(AT_ONCE)))
        whole = time.monotonic() - began
    assert answers == [f"you said: This is number {number}." for number in range(AT_ONCE)]
    scripted.reaches(0, "orchestrator_in_flight")
    took.sort()
    p50, p99 = took[AT_ONCE // 2], took[AT_ONCE * 99 // 100 - 1]
    print(f"{AT_ONCE} at once (stream={stream}): p50 {p50:.2f} s, p99 {p99:.2f} s, {AT_ONCE / whole:.0f} a second")  # noqa: T201
