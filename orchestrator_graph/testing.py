"""The fakes that we ship, so that your tests need no model: `ScriptedChat` answers, and judges, as it is told.

Not for measuring anything; for that there are the pocket models.
"""

import asyncio
import json
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import PrivateAttr

__all__ = ["ScriptedChat"]

Said = str | AIMessage
Script = Said | Sequence[Said] | Callable[[str], Said]
CODE = re.compile(r'{"code": "(\w+)", "(verdict|percent|grades|better)": (?:\[a list of (\d+))?')
"""How a judge is told to reply (`confidence/judging.py`)."""
BEST_GRADE = 4


class ScriptedChat(BaseChatModel):
    """A chat model that follows a script.

    Attributes:
        model: Its name; the portfolio id is `scriptedchat:<model>`.
        script: One reply for ever; a list walked once and then repeated at its end; or a function of the last
            human message, which may raise. A reply is a text, or an `AIMessage` with tool calls.
        replies: Replaces the script: a function of all messages and the schemas of the tools that are bound.
        shapes: Replaces both where the answer has to be JSON: a function of all messages and the JSON Schema.
        judges: What it says when it is asked as a judge: a value in [0, 1], put into the form that was asked for with
            the code word; a whole reply; or a function of the quoted task and answer that gives either. `None` = the
            script answers, and is no verdict.
        delay_s: Seconds that every answer takes.
        seen: The last human message of every call, in order.
    """

    model: str = "scripted"
    script: Any = "ok"
    replies: Any = None
    shapes: Any = None
    judges: Any = None
    delay_s: float = 0.0
    _seen: list[str] = PrivateAttr(default_factory=list)
    _lock: Any = PrivateAttr(default_factory=threading.Lock)

    @property
    def seen(self) -> list[str]:
        """The last human message of every call, in order."""
        return list(self._seen)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], *, tool_choice: Any = None, **kwargs: Any) -> Any:
        """Tools for `replies` to see; the script calls them, or does not, whatever is bound."""
        choice = {} if tool_choice is None else {"tool_choice": tool_choice}
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **choice, **kwargs)

    def _reply(self, messages: list[BaseMessage], given: dict[str, Any]) -> Said:
        asked = next((str(m.content) for m in reversed(messages) if m.type == "human"), "")
        with self._lock:
            self._seen.append(asked)
            position = len(self._seen) - 1
        told = next((str(m.content) for m in messages if m.type == "system"), "")
        if self.judges is not None and (code := CODE.search(told)):
            ruled = self.judges(asked) if callable(self.judges) else self.judges
            return ruled if isinstance(ruled, str) else _verdict(code, float(ruled))
        said: Any = self.script
        shape = given.get("response_format")
        if self.shapes is not None and shape:
            said = self.shapes(messages, shape.get("json_schema", {}).get("schema", {}))
        elif self.replies is not None:
            said = self.replies(messages, list(given.get("tools") or ()))
        elif callable(said):
            said = said(asked)
        elif not isinstance(said, (str, AIMessage)):
            said = said[min(position, len(said) - 1)]
        return said if isinstance(said, AIMessage) else str(said)

    def _answer(self, messages: list[BaseMessage], given: dict[str, Any]) -> AIMessage:
        said = self._reply(messages, given)
        calls = said.tool_calls if isinstance(said, AIMessage) else []
        text = str(said.text) if isinstance(said, AIMessage) else said
        return self._message(_until(text, given.get("stop")), messages).model_copy(update={"tool_calls": calls})

    def _message(self, text: str, messages: list[BaseMessage]) -> AIMessage:
        asked = sum(len(str(m.content)) for m in messages) // 4 + 1
        told = len(text) // 4 + 1
        return AIMessage(
            text,
            response_metadata={"finish_reason": "stop", "model_name": self.model},
            usage_metadata={"input_tokens": asked, "output_tokens": told, "total_tokens": asked + told},
        )

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        time.sleep(self.delay_s)
        return ChatResult(generations=[ChatGeneration(message=self._answer(messages, {**kwargs, "stop": stop}))])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        await asyncio.sleep(self.delay_s)
        return ChatResult(generations=[ChatGeneration(message=self._answer(messages, {**kwargs, "stop": stop}))])

    def _chunks(self, messages: list[BaseMessage], given: dict[str, Any]) -> Iterator[ChatGenerationChunk]:
        whole = self._answer(messages, given)
        words = str(whole.text).split(" ")
        for number, word in enumerate(words):
            last = number == len(words) - 1
            chunk = AIMessageChunk(
                content=word if last else word + " ",
                tool_call_chunks=_pieces(whole) if last else [],
                usage_metadata=whole.usage_metadata if last else None,
                response_metadata=whole.response_metadata if last else {},
                chunk_position="last" if last else None,
            )
            yield ChatGenerationChunk(message=chunk)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        time.sleep(self.delay_s)
        for chunk in self._chunks(messages, {**kwargs, "stop": stop}):
            if run_manager is not None:
                run_manager.on_llm_new_token(str(chunk.message.content), chunk=chunk)
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        await asyncio.sleep(self.delay_s)
        for chunk in self._chunks(messages, {**kwargs, "stop": stop}):
            if run_manager is not None:
                await run_manager.on_llm_new_token(str(chunk.message.content), chunk=chunk)
            yield chunk


def _until(text: str, stop: Sequence[str] | None) -> str:
    for end in stop or ():
        text = text.partition(end)[0]
    return text


def _pieces(message: AIMessage) -> list[Any]:
    return [
        {"name": c["name"], "args": json.dumps(c["args"]), "id": c["id"], "index": i, "type": "tool_call_chunk"}
        for i, c in enumerate(message.tool_calls)
    ]


def _verdict(form: re.Match[str], value: float) -> str:
    said: Any = {
        "verdict": "yes" if value >= 0.5 else "no",
        "percent": round(100 * value),
        "grades": [round(BEST_GRADE * value)] * int(form[3] or 0),
        "better": "tie" if value == 0.5 else "A" if value > 0.5 else "B",
    }[form[2]]
    return json.dumps({"code": form[1], form[2]: said})
