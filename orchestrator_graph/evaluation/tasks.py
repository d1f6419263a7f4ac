"""Tasks whose answers can be checked, from JSON lines: `{"task": ..., "answer" or "check": ..., "task_type"?: ...}`.

A mistake in the file is told with its line and field, before anything is asked or paid.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator_graph.errors import InputError
from orchestrator_graph.evaluation.scorers import Scorer, answer_scorer, check_scorer
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.types import Features

__all__ = ["CheckedTask", "read_tasks"]

FIELDS = ("task", "answer", "check", "task_type")


@dataclass(frozen=True, slots=True)
class CheckedTask:
    """A task and what its answers are scored by.

    Attributes:
        text: As written in the file; `features.text` is what was read from it.
        rule: The answer or check as canonical JSON: part of the task's identity.
    """

    text: str
    features: Features
    rule: str
    score: Scorer

    def id(self, tenant: str) -> str:
        """The same in every run, so that what was remembered is not asked again and models are compared on it."""
        name = json.dumps([tenant, self.features.text, self.features.task_type, self.rule])
        return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:32]


def read_tasks(path: Path) -> list[CheckedTask]:
    """The tasks in order, repeated ones once; empty lines are skipped.

    Raises:
        InputError: Names file, line and field.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start})") from None
    tasks = [_task(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not tasks:
        raise InputError(f'{path}: no tasks; one a line, such as {{"task": "Add 2 and 3", "answer": 5}}')
    return list({task.id(""): task for task in tasks}.values())


def _task(line: str, where: str) -> CheckedTask:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise InputError(f"{where}: no JSON: {error}") from None
    if not isinstance(row, dict):
        raise InputError(f"{where}: {row!r} is no JSON object")
    unknown = [name for name in row if name not in FIELDS]
    if unknown:
        raise InputError(f"{where}: field {unknown[0]!r} is unknown; known: {', '.join(FIELDS)}")
    if ("answer" in row) == ("check" in row):
        raise InputError(f"{where}: give one of the fields 'answer' and 'check'")
    text = _text(row, "task", where)
    features = read_features(text)
    if "task_type" in row:
        features = dataclasses.replace(features, task_type=_text(row, "task_type", where))
    field = "answer" if "answer" in row else "check"
    try:
        score = answer_scorer(row["answer"], features.expects) if field == "answer" else check_scorer(row["check"])
    except ValueError as error:
        raise InputError(f"{where}: field {field!r}: {error}") from None
    return CheckedTask(text, features, json.dumps({field: row[field]}, sort_keys=True), score)


def _text(row: dict[str, Any], name: str, where: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{where}: field {name!r} is {value!r}, no text")
    return value
