"""A process of its own that runs or resumes one task on a durable thread; killed in the middle by test_resume.py.

Usage: resume_child.py FOLDER sync|async run|resume TEXT POLICY HANG
Every request to a model is a line of FOLDER/calls; one that holds HANG takes a minute in `run`, no time in `resume`.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from orchestrator_graph import ModelSpec, Orchestrator, Policy, Price, Prior
from orchestrator_graph.testing import ScriptedChat

CONFIG: Any = {"configurable": {"thread_id": "t"}}
ANSWERS = {"Add": "12", "Multiply": "30", "Name": "a snail", "Write": "slow and steady"}


class Noted(ScriptedChat):
    """Writes each request down before it answers."""

    folder: str = ""
    hang: str = ""

    def note(self, messages: Any) -> float:
        asked = str(messages[-1].content).replace("\n", " ")
        with Path(self.folder, "calls").open("a", encoding="utf-8") as file:
            file.write(f"{self.model}: {asked}\n")
        return 60.0 if self.hang and self.hang in asked else 0.0

    def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        time.sleep(self.note(messages))
        return super()._generate(messages, *args, **kwargs)

    async def _agenerate(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(self.note(messages))
        return await super()._agenerate(messages, *args, **kwargs)

    def _stream(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        time.sleep(self.note(messages))
        yield from super()._stream(messages, *args, **kwargs)

    async def _astream(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(self.note(messages))
        async for chunk in super()._astream(messages, *args, **kwargs):
            yield chunk


def reply(asked: str) -> str:
    return next(text for key, text in ANSWERS.items() if key in asked)


def pool(folder: str, hang: str) -> list[ModelSpec]:
    chats = [Noted(model=name, script=reply, judges=0.93, folder=folder, hang=hang) for name in ("first", "second")]
    priors = [{"*": Prior(quality, 50, "test")} for quality in (0.9, 0.8)]
    return [
        ModelSpec(chat, alias=f"test:{chat.model}", price=Price(1, 1), priors=prior)
        for chat, prior in zip(chats, priors, strict=True)
    ]


def main(folder: str, mode: str, phase: str, text: str, policy: str, hang: str) -> dict[str, Any]:
    path = str(Path(folder, "threads.sqlite"))
    given = {"messages": [("user", text)]} if phase == "run" else None
    context = Policy(**json.loads(policy)) if phase == "run" else None  # a resumed run keeps the policy that it had
    models = pool(folder, hang if phase == "run" else "")
    memory = str(Path(folder, "memory"))
    options: Any = {"context": context, "durability": "sync"}
    if mode == "sync":
        with (
            SqliteSaver.from_conn_string(path) as saver,
            Orchestrator(models, memory=memory, checkpointer=saver) as orc,
        ):
            return dict(orc.graph.invoke(given, CONFIG, **options))

    async def run() -> dict[str, Any]:
        async with (
            AsyncSqliteSaver.from_conn_string(path) as saver,
            Orchestrator(models, memory=memory, checkpointer=saver) as orc,
        ):
            return dict(await orc.graph.ainvoke(given, CONFIG, **options))

    return asyncio.run(run())


if __name__ == "__main__":
    out = main(*sys.argv[1:])
    out["messages"] = [message.text for message in out["messages"]]
    print(json.dumps(out))  # noqa: T201
