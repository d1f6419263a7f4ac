"""What a person may answer when asked, as a JSON Schema, and how an answer is read."""

from dataclasses import dataclass
from typing import Any

__all__ = ["SCHEMA", "Reply", "read_reply"]

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "answer": {"type": "string", "description": "The answer to use; empty = keep the proposed one."},
        "score": {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "description": "How good the proposed answer is, 0 wrong .. 1 right.",
        },
        "reject": {"type": "boolean", "description": "The proposed answer is not to be used."},
    },
}


@dataclass(frozen=True, slots=True)
class Reply:
    """A person's word.

    Attributes:
        answer: To be used instead of the proposed one; empty = none given.
        score: What the proposed answer is worth in [0, 1]; `None` = not said.
        reject: The proposed answer is not to be used.
    """

    answer: str = ""
    score: float | None = None
    reject: bool = False


def read_reply(value: Any) -> Reply | str:
    """The reply, or one sentence that says what is wrong with it. Bare text or a bare number is the answer.

    >>> read_reply("42"), read_reply({"score": 2})
    (Reply(answer='42', score=None, reject=False), 'score = 2: a number from 0 to 1 is wanted')
    """
    if value is None:
        return Reply()
    if isinstance(value, str) or _number(value):
        return Reply(str(value).strip())
    if not isinstance(value, dict):
        return (
            f"a {type(value).__name__} was given: an object with answer, score or reject is wanted, or the text itself"
        )
    unknown = [str(key) for key in value if key not in SCHEMA["properties"]]
    if unknown:
        return f"{unknown[0]!r} is unknown: answer, score and reject are wanted"
    answer, score, reject = value.get("answer"), value.get("score"), value.get("reject")
    if not (answer is None or isinstance(answer, str) or _number(answer)):
        return f"answer = {answer!r}: a text is wanted"
    if not (score is None or (_number(score) and 0 <= score <= 1)):
        return f"score = {score!r}: a number from 0 to 1 is wanted"
    if not (reject is None or isinstance(reject, bool)):
        return f"reject = {reject!r}: true or false is wanted"
    text = "" if answer is None else str(answer).strip()
    return Reply(text, None if score is None else float(score), bool(reject))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
