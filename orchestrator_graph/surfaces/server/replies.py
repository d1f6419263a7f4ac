"""Answers as OpenAI gives them: one object, or chunks: role first, then deltas, why it ended, usage."""

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk

from orchestrator_graph.nodes.decision_record import wordless
from orchestrator_graph.surfaces.loop import RECORD
from orchestrator_graph.surfaces.server.loops import Loops

__all__ = ["Reply", "told_of"]

# Why an answer ended, in the words of all providers -> OpenAI's.
FINISH: Mapping[str, str] = {
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "content_filter": "content_filter",
    "safety": "content_filter",
}
WHY_ENDED = ("finish_reason", "done_reason", "stop_reason")
TOLD = ("run_id", "decision_id", "candidate", "model", "why", "private", "proved", "certificate", "steps")


def told_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a caller is told of a decision and its bill."""
    bill = record.get("bill") or {}
    told = {name: record[name] for name in TOLD if name in record}
    told["why"] = wordless(str(record.get("why", "")))  # it may quote what another user of the tenant asked
    more = {name: record[name] for name in ("status", "confidence", "answered_by") if name in record}
    return {**told, **more, "cost_usd": bill.get("total_usd"), "bill": bill}


@dataclass(slots=True)
class Reply:
    """One answer on its way to the caller.

    Attributes:
        fingerprint: Of the pool.
        one_call: At most one tool call.
        model: Who answers, by the id in the pool, as far as it is known by now.
        record: Ours of the answer; empty until its end.
        usage: LangChain's; `None` until its end.
        ids: Of the answer's tool calls, in order: ours.
    """

    fingerprint: str
    one_call: bool = False
    model: str = "orchestrator"
    record: Mapping[str, Any] = field(default_factory=dict)
    usage: Mapping[str, Any] | None = None
    ids: list[str] = field(default_factory=list)
    _id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(16)}")
    _created: int = field(default_factory=lambda: int(time.time()))
    _finish: str = ""
    _places: dict[Any, int] = field(default_factory=dict)

    def whole(self, message: AIMessage) -> dict[str, Any]:
        """The whole answer as one object."""
        self._note(message)
        calls = message.tool_calls[:1] if self.one_call else message.tool_calls
        told: dict[str, Any] = {"role": "assistant", "content": str(message.text) or None, "refusal": None}
        if calls:
            self.ids += [Loops.new_id() for _ in calls]
            told["tool_calls"] = [
                {
                    "id": name,
                    "type": "function",
                    "function": {"name": call["name"], "arguments": json.dumps(call["args"], ensure_ascii=False)},
                }
                for name, call in zip(self.ids, calls, strict=True)
            ]
        elif told["content"] is None:
            told["content"] = ""
        choice = {"index": 0, "message": told, "logprobs": None, "finish_reason": self._ended()}
        return {**self._frame("chat.completion"), "choices": [choice], "usage": self._usage(), **self._told()}

    def first(self) -> dict[str, Any]:
        """The chunk that says who is speaking."""
        return self._chunk({"role": "assistant", "content": "", "refusal": None})

    def deltas(self, chunk: AIMessageChunk) -> Iterator[dict[str, Any]]:
        """The chunks for one of LangChain's; none where it only tells what is said at the end."""
        self._note(chunk)
        if text := str(chunk.text):
            yield self._chunk({"content": text})
        calls = [told for part in chunk.tool_call_chunks if (told := self._call(part))]
        if calls:
            yield self._chunk({"tool_calls": calls})

    def last(self, *, counted: bool) -> Iterator[dict[str, Any]]:
        """Why it ended, with our record; then the usage, where it was asked for."""
        yield {**self._chunk({}, self._ended()), **self._told()}
        if counted:
            yield {**self._frame("chat.completion.chunk"), "choices": [], "usage": self._usage()}

    def _call(self, part: Mapping[str, Any]) -> dict[str, Any] | None:
        """One piece of a tool call; some clients number them, others give each call whole."""
        index, given = part.get("index"), part.get("id")
        key = ("index", index) if index is not None else ("id", given) if given else None
        place = len(self._places) - 1 if key is None else self._places.setdefault(key, len(self._places))
        if place < 0 or (self.one_call and place > 0):
            return None
        arguments = part.get("args") or ""
        if place < len(self.ids):
            return {"index": place, "function": {"arguments": arguments}}
        self.ids.append(Loops.new_id())
        told = {"name": part.get("name") or "", "arguments": arguments}
        return {"index": place, "id": self.ids[place], "type": "function", "function": told}

    def _note(self, message: AIMessage) -> None:
        meta = message.response_metadata
        self._finish = next((str(meta[name]).lower() for name in WHY_ENDED if meta.get(name)), self._finish)
        if RECORD in meta:
            self.record = meta[RECORD]
            self.model = str(self.record.get("model") or meta.get("model_name") or self.model)
        self.usage = message.usage_metadata or self.usage

    def _ended(self) -> str:
        return "tool_calls" if self.ids else FINISH.get(self._finish, "stop")

    def _frame(self, kind: str) -> dict[str, Any]:
        told = {"id": self._id, "object": kind, "created": self._created, "model": self.model}
        return {**told, "system_fingerprint": f"fp_{self.fingerprint}"}

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**self._frame("chat.completion.chunk"), "choices": [choice]}

    def _told(self) -> dict[str, Any]:
        return {"orchestrator": told_of(self.record)} if self.record else {}

    def _usage(self) -> dict[str, Any]:
        usage = self.usage or {}
        sent, made = int(usage.get("input_tokens", 0)), int(usage.get("output_tokens", 0))
        cached = (usage.get("input_token_details") or {}).get("cache_read") or 0
        thought = (usage.get("output_token_details") or {}).get("reasoning") or 0
        return {
            "prompt_tokens": sent,
            "completion_tokens": made,
            "total_tokens": sent + made,
            "prompt_tokens_details": {"cached_tokens": cached},
            "completion_tokens_details": {"reasoning_tokens": thought},
        }
