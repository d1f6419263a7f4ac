"""OpenAI's messages as LangChain's: all roles, media parts, tool calls and their results."""

import json
from typing import Annotated, Any, Literal

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from pydantic import BaseModel, Field, field_validator

__all__ = ["Message"]


class Text(BaseModel):
    """Words."""

    type: Literal["text"]
    text: str


class ImageUrl(BaseModel):
    """An image by its address or as a `data:` URL."""

    url: str
    detail: Literal["auto", "low", "high"] | None = None


class Image(BaseModel):
    """An image."""

    type: Literal["image_url"]
    image_url: ImageUrl


class AudioData(BaseModel):
    """Sound, in base64."""

    data: str
    format: Literal["wav", "mp3"]


class Audio(BaseModel):
    """Sound."""

    type: Literal["input_audio"]
    input_audio: AudioData


class Refusal(BaseModel):
    """What a model said instead of an answer."""

    type: Literal["refusal"]
    refusal: str


class Called(BaseModel):
    """Which function, with its arguments as JSON text."""

    name: str = Field(min_length=1)
    arguments: str = "{}"

    @field_validator("arguments")
    @classmethod
    def _object(cls, value: str) -> str:
        try:
            parsed = json.loads(value or "{}")
        except (ValueError, RecursionError):
            raise ValueError("not JSON") from None
        if not isinstance(parsed, dict):
            raise ValueError("not a JSON object")
        return value or "{}"


class Call(BaseModel):
    """A tool call that a model made."""

    id: str = Field(min_length=1)
    type: Literal["function"] = "function"
    function: Called


class System(BaseModel):
    """What the app says."""

    role: Literal["system", "developer"]
    content: str | list[Text]
    name: str | None = None

    def message(self) -> BaseMessage:
        """As LangChain's."""
        told = {"__openai_role__": "developer"} if self.role == "developer" else {}
        return SystemMessage(_content(self.content), name=self.name, additional_kwargs=told)


class User(BaseModel):
    """What a person says and shows."""

    role: Literal["user"]
    content: str | list[Annotated[Text | Image | Audio, Field(discriminator="type")]]
    name: str | None = None

    def message(self) -> BaseMessage:
        """As LangChain's."""
        return HumanMessage(_content(self.content), name=self.name)


class Assistant(BaseModel):
    """What a model said, and the tools that it called."""

    role: Literal["assistant"]
    content: str | list[Annotated[Text | Refusal, Field(discriminator="type")]] | None = None
    refusal: str | None = None
    name: str | None = None
    tool_calls: list[Call] | None = None

    def message(self) -> BaseMessage:
        """As LangChain's."""
        calls: list[Any] = [
            {"name": c.function.name, "args": json.loads(c.function.arguments), "id": c.id, "type": "tool_call"}
            for c in self.tool_calls or ()
        ]
        parts = self.content if isinstance(self.content, list) else []
        words = "".join(part.text if isinstance(part, Text) else part.refusal for part in parts)
        said = words if parts else self.content or self.refusal or ""
        return AIMessage(str(said), name=self.name, tool_calls=calls)


class Tool(BaseModel):
    """What a tool returned."""

    role: Literal["tool"]
    content: str | list[Text]
    tool_call_id: str = Field(min_length=1)

    def message(self) -> BaseMessage:
        """As LangChain's."""
        return ToolMessage(_content(self.content), tool_call_id=self.tool_call_id)


Message = Annotated[System | User | Assistant | Tool, Field(discriminator="role")]
"""One message of a request; `.message()` gives LangChain's."""


def _content(given: Any) -> Any:
    if isinstance(given, str):
        return given
    return [part.model_dump(exclude_none=True) for part in given]
