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
from pydantic import PrivateAttr

__all__ = ["ScriptedChat"]

Script = str | Sequence[str] | Callable[[str], str]
CODE = re.compile(r'{"code": "(\w+)", "(verdict|percent|grades|better)": (?:\[a list of (\d+))?')
"""How a judge is told to reply (`confidence/judging.py`)."""
BEST_GRADE = 4


class ScriptedChat(BaseChatModel):
    """A chat model that follows a script.

    Attributes:
        model: Its name; the portfolio id is `scriptedchat:<model>`.
        script: One reply for ever; a list walked once and then repeated at its end; or a function of the last
            human message, which may raise.
        judges: What it says when it is asked as a judge: a value in [0, 1], put into the form that was asked for with
            the code word; a whole reply; or a function of the quoted task and answer that gives either. `None` = the
            script answers, and is no verdict.
        delay_s: Seconds that every answer takes.
        seen: The last human message of every call, in order.
    """

    model: str = "scripted"
    script: Any = "ok"
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

    def _reply(self, messages: list[BaseMessage]) -> str:
        asked = next((str(m.content) for m in reversed(messages) if m.type == "human"), "")
        with self._lock:
            self._seen.append(asked)
            position = len(self._seen) - 1
        told = next((str(m.content) for m in messages if m.type == "system"), "")
        if self.judges is not None and (code := CODE.search(told)):
            said = self.judges(asked) if callable(self.judges) else self.judges
            return said if isinstance(said, str) else _verdict(code, float(said))
        if callable(self.script):
            return str(self.script(asked))
        if isinstance(self.script, str):
            return self.script
        return str(self.script[min(position, len(self.script) - 1)])

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
        return ChatResult(generations=[ChatGeneration(message=self._message(self._reply(messages), messages))])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        await asyncio.sleep(self.delay_s)
        return ChatResult(generations=[ChatGeneration(message=self._message(self._reply(messages), messages))])

    def _chunks(self, messages: list[BaseMessage]) -> Iterator[ChatGenerationChunk]:
        text = self._reply(messages)
        whole = self._message(text, messages)
        words = text.split(" ")
        for number, word in enumerate(words):
            last = number == len(words) - 1
            chunk = AIMessageChunk(
                content=word if last else word + " ",
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
        for chunk in self._chunks(messages):
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
        for chunk in self._chunks(messages):
            if run_manager is not None:
                await run_manager.on_llm_new_token(str(chunk.message.content), chunk=chunk)
            yield chunk


def _verdict(form: re.Match[str], value: float) -> str:
    said: Any = {
        "verdict": "yes" if value >= 0.5 else "no",
        "percent": round(100 * value),
        "grades": [round(BEST_GRADE * value)] * int(form[3] or 0),
        "better": "tie" if value == 0.5 else "A" if value > 0.5 else "B",
    }[form[2]]
    return json.dumps({"code": form[1], form[2]: said})
