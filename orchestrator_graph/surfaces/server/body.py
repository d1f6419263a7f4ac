"""The fields of a request to `/v1/chat/completions`, as OpenAI describes them, and our `policy`."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestrator_graph.surfaces.server.messages import Message

__all__ = ["Body", "ChosenTool"]


class Function(BaseModel):
    """A function that a model may call."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(BaseModel):
    """A tool."""

    type: Literal["function"]
    function: Function


class ChosenFunction(BaseModel):
    """The name of a function."""

    name: str


class ChosenTool(BaseModel):
    """The tool that has to be called."""

    type: Literal["function"]
    function: ChosenFunction


class JsonSchema(BaseModel):
    """A named JSON Schema."""

    model_config = ConfigDict(populate_by_name=True)
    name: str
    schema_: dict[str, Any] | None = Field(default=None, alias="schema")


class Shape(BaseModel):
    """The form of the answer."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class StreamOptions(BaseModel):
    """What a stream tells besides its text."""

    include_usage: bool | None = None


Stop = Annotated[str, Field(min_length=1)]


class Body(BaseModel):
    """The whole request; anything else in it is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)
    model: str
    messages: Annotated[list[Message], Field(min_length=1, fail_fast=True)]
    tools: Annotated[list[Tool], Field(fail_fast=True)] | None = None
    tool_choice: Literal["none", "auto", "required"] | ChosenTool | None = None
    parallel_tool_calls: bool | None = None
    response_format: Shape | None = None
    stop: Stop | Annotated[list[Stop], Field(max_length=4)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    seed: int | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    top_k: Annotated[int, Field(ge=1)] | None = None
    repeat_penalty: Annotated[float, Field(ge=0)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: str | None = None
    metadata: dict[str, str] | None = None
    policy: dict[str, Any] | None = None
