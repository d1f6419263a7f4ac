"""What a plan must be: a DAG of few subtasks whose every input is named. An invalid one becomes a single subtask."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator_graph.confidence.normalise import unfenced
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.nodes.structure import Piece
from orchestrator_graph.policy import LIMITS
from orchestrator_graph.types import Features, Subtask

__all__ = ["parse_plan", "schema", "shown", "single", "subtasks_of", "waves"]

MAX_BRIEF = 4000


class PlannedSubtask(BaseModel):
    """One entry of a model's plan."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    id: str = Field(pattern=r"^\w{1,8}$")
    brief: str = Field(min_length=1, max_length=MAX_BRIEF)
    needs: list[str] = Field(default_factory=list)


class Planned(BaseModel):
    """A model's whole plan."""

    subtasks: list[PlannedSubtask] = Field(min_length=1)


def parse_plan(text: str) -> tuple[list[Piece], str]:
    """A model's answer as pieces in dependency order, or no pieces and the reason why it is unusable."""
    start, end = text.find("{"), text.rfind("}")
    body = unfenced(text) if "```" in text else text[start : end + 1] if start >= 0 else text
    try:
        planned = Planned.model_validate_json(body).subtasks
    except ValidationError as error:
        first = error.errors()[0]
        return [], f"{'.'.join(map(str, first['loc'])) or 'plan'}: {first['msg']}"
    for item in planned:
        item.needs = list(dict.fromkeys([*item.needs, *_mentioned(item, planned)]))
    problem = _problem(planned)
    if problem:
        return [], problem
    order = waves({item.id: item.needs for item in planned})
    numbers = {name: str(position + 1) for position, name in enumerate(name for wave in order for name in wave)}
    by_id = {item.id: item for item in planned}
    return [_piece(by_id[name], numbers) for name in numbers], ""


def _mentioned(item: PlannedSubtask, planned: Sequence[PlannedSubtask]) -> list[str]:
    """Ids in braces in the brief: a model that names an input there may forget to list it."""
    return [other.id for other in planned if other.id != item.id and "{" + other.id + "}" in item.brief]


def _piece(item: PlannedSubtask, numbers: dict[str, str]) -> Piece:
    brief = item.brief
    for name in item.needs:
        brief = brief.replace("{" + name + "}", "\x00" + numbers[name] + "\x01")
    return Piece(brief.replace("\x00", "{").replace("\x01", "}"), tuple(numbers[name] for name in item.needs))


def _problem(planned: Sequence[PlannedSubtask]) -> str:
    ids = [item.id for item in planned]
    if len(ids) > LIMITS.subtasks:
        return f"{len(ids)} subtasks, at most {LIMITS.subtasks} are allowed"
    if len(set(ids)) < len(ids):
        return "an id is used twice"
    unknown = [need for item in planned for need in item.needs if need not in ids]
    if unknown:
        return f"needs the unknown subtask {unknown[0]!r}"
    if sum(map(len, waves({item.id: item.needs for item in planned}))) < len(ids):
        return "subtasks need each other in a circle"
    return ""


def waves(needs: dict[str, list[str]]) -> list[list[str]]:
    """Ids level by level, each after all that it needs; members of a circle are left out.

    >>> waves({"1": [], "2": ["1"], "3": []})
    [['1', '3'], ['2']]
    """
    done: set[str] = set()
    levels: list[list[str]] = []
    while ready := [name for name in needs if name not in done and set(needs[name]) <= done]:
        levels.append(ready)
        done.update(ready)
    return levels


def single(features: Features, private: bool) -> list[Subtask]:
    """The plan that leaves the task whole."""
    return [Subtask("1", features.text, features, (), private)]


def subtasks_of(pieces: Sequence[Piece], whole: Features, private: bool) -> list[Subtask]:
    """Pieces as subtasks: each with features of its own brief, labels inherited from the task."""
    subtasks = []
    for number, piece in enumerate(pieces, 1):
        features = read_features(piece.brief, whole.needs)
        subtasks.append(Subtask(str(number), piece.brief, features, piece.needs, private))
    return subtasks


def shown(subtask: Subtask) -> dict[str, Any]:
    """A subtask as users see it in `plan`."""
    return {
        "id": subtask.id,
        "brief": subtask.brief,
        "needs": list(subtask.needs),
        "task_type": subtask.features.task_type,
        "private": subtask.private,
    }


def schema() -> dict[str, Any]:
    """JSON Schema of a plan, for backends that can be held to one."""
    return Planned.model_json_schema()
