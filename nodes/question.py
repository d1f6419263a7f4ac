"""Questions for a deciding model, and what its replies say: probabilities that a candidate will be right. Pure.

A word's probability is read off its first token's log-probabilities where the backend gives them,
P(yes) / (P(yes) + P(no)); else a word counts as one observation (rule of succession: 2/3).
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator_graph.confidence.word_probability import word_probability
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.types import Attempt, Estimate

__all__ = ["LETTERS", "described", "figured", "prompt", "read_choice", "read_scores", "read_yes_no", "schema"]

TEMPLATE = (Path(__file__).parent / "decider_prompt.txt").read_text(encoding="utf-8")
LETTERS = "ABCDEFGH"
"""Names of the candidates in a question; no more than these are asked about."""
QUESTIONS = {
    "yes_no": "Will this model's answer be right and complete? Reply with one word, yes or no.",
    "choice": "Which of these models is most likely to answer right? If several are, the cheapest of them. "
    "Reply with its letter only.",
    "score": "For each model, what is the probability in percent that its answer will be right? "
    'Reply with JSON only, such as {"A": 80, "B": 35}.',
}
TASK_CHARS = 4_000


def described(spec: ModelSpec) -> str:
    """A model in words, as it would be described to somebody who is to choose.

    >>> described(ModelSpec("ollama:qwen3:4b", size_b=4))
    'ollama:qwen3:4b (4 billion parameters, runs on this machine, free)'
    """
    facts = [f"{spec.size_b:g} billion parameters"] if spec.size_b is not None else []
    facts.append("runs on this machine" if spec.is_local else "in the cloud")
    if spec.price is not None:
        facts.append(f"${spec.price.input_usd:g} / ${spec.price.output_usd:g} per million tokens in / out")
    else:
        facts.append("free" if spec.is_local else "price unknown")
    if spec.capabilities:
        facts.append("can: " + ", ".join(sorted(spec.capabilities)))
    return f"{spec.id} ({', '.join(facts)})"


def figured(estimate: Estimate, task_type: str) -> str:
    """A candidate as its figures say."""
    cost = "at an unknown price" if estimate.cost_nusd is None else f"for ${estimate.cost_nusd / 1e9:.7f}"
    seen = f"+- {estimate.se * 100:.0f}, seen {estimate.n} times"
    time = f"in {estimate.latency_s:.1f} s"
    return (
        f"{estimate.candidate.id}: right in {estimate.quality * 100:.0f} % of {task_type} tasks ({seen}), {cost} {time}"
    )


def prompt(ask: str, task: str, lines: Sequence[str]) -> str:
    """The question about candidates that these lines describe; for `yes_no` it is one line."""
    models = [f"Model: {lines[0]}"] if ask == "yes_no" else [f"{a}: {b}" for a, b in zip(LETTERS, lines, strict=False)]
    parts = {"{task}": task[:TASK_CHARS], "{models}": "\n".join(models), "{question}": QUESTIONS[ask]}
    return re.sub(r"\{(?:task|models|question)\}", lambda match: parts[match.group()], TEMPLATE)


def schema(ask: str, count: int) -> dict[str, Any]:
    """JSON Schema of the reply."""
    letters = list(LETTERS[:count])
    percent = {"type": "integer", "minimum": 0, "maximum": 100}
    asked: dict[str, dict[str, Any]] = {
        "yes_no": {"answer": {"type": "string", "enum": ["yes", "no"]}},
        "choice": {"choice": {"type": "string", "enum": letters}},
        "score": dict.fromkeys(letters, percent),
    }
    properties = asked[ask]
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def read_yes_no(attempt: Attempt) -> float | None:
    """The probability of yes; `None` where the reply is neither."""
    said = _word(attempt, r"yes|no|y|n", "answer")
    if said is None:
        return None
    word, share = said
    return share if word.startswith("y") else 1 - share


def read_choice(attempt: Attempt, count: int) -> list[float]:
    """For each candidate the probability that goes with the share of the choice it got; empty = no choice was made.

    A fair share leaves even odds, a greater one moves them in proportion.
    """
    said = _word(attempt, f"[{LETTERS[:count]}]".lower(), "choice")
    if said is None or count < 2:
        return []
    chosen, share = LETTERS.lower().index(said[0]), said[1]
    share = max(share if attempt.logprobs else 2 / (count + 1), 1 / count)
    return odds_of([share if i == chosen else (1 - share) / (count - 1) for i in range(count)])


def odds_of(shares: Sequence[float]) -> list[float]:
    """Shares of a choice as probabilities of being right: `share * count` to one.

    >>> odds_of([0.75, 0.25])
    [0.6, 0.3333333333333333]
    """
    return [share * len(shares) / (share * len(shares) + 1) for share in shares]


def read_scores(attempt: Attempt, count: int) -> dict[int, float]:
    """Position -> probability, of those with a percentage from 0 to 100."""
    data = _json(attempt.text)
    told = ((i, data.get(letter)) for i, letter in enumerate(LETTERS[:count]))
    return {i: float(value) / 100 for i, value in told if value is not None and _percent(value)}


def _percent(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100


def _word(attempt: Attempt, words: str, key: str) -> tuple[str, float] | None:
    """The word of the reply in small letters, and its probability against the other ones."""
    data = _json(attempt.text)
    said = data.get(key, attempt.text)
    match = re.match(rf"\W*({words})\b", str(said), re.IGNORECASE)
    if match is None:
        return None
    word = match.group(1).lower()
    tokens = attempt.logprobs[::-1] if data else attempt.logprobs  # in JSON the word stands behind its key
    return word, word_probability(word, tokens)


def _json(text: str) -> Mapping[str, Any]:
    match = re.search(r"\{[^{}]*\}", text)
    try:
        data = json.loads(match.group()) if match else {}
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
