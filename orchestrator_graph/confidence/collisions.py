"""How often two wrong answers are the same one: what agreement is worth depends on it. Learnt, by form and family."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator_graph.confidence.normalise import form_of

if TYPE_CHECKING:
    from orchestrator_graph.types.history import History

__all__ = ["Collisions", "family"]

_NAMES = {
    "gpt": "gpt|chatgpt|o[134]",
    "claude": "claude",
    "gemini": "gemini",
    "gemma": "gemma|codegemma",
    "llama": "llama|codellama|tinyllama|vicuna",
    "mistral": "mistral|mixtral|ministral|codestral|devstral|magistral|pixtral",
    "qwen": "qwen|qwq|codeqwen",
    "deepseek": "deepseek",
    "phi": "phi",
    "command": "command-[ra]|c4ai|aya",
}
FAMILIES = re.compile("|".join(f"(?P<{name}>(?<![a-z])(?:{words})(?![a-z]))" for name, words in _NAMES.items()))
ALIKE = {
    "number": (0.25, 0.30),
    "code": (0.18, 0.20),
    "choice": (0.50, 0.55),
    "yes_no": (0.98, 0.98),
    "word": (0.20, 0.25),
}
"""Form -> (models of different families, of the same) before anything is learnt.

Number and code are near what 16 models did on ZeroEval (docs/agreement.md); two wrong yes-or-no answers are always the
same one; the rest are guesses.
"""
OTHERWISE = (0.20, 0.25)
SAME_MODEL = 0.60
"""Two samples of one model: a guess until their outcomes are remembered apart."""
STRENGTH = 20.0
"""Pairs of wrong answers that a belief from elsewhere counts for."""
WRONG = 0.5
Counts = Counter[tuple[str, str, bool]]


def family(model: str) -> str:
    """Whose relatives a model has: `gpt`, `llama` ..., else the first word of its name.

    >>> family("ollama:qwen3:4b"), family("Meta-Llama-3.1-8B-Instruct"), family("lmstudio:zephyr-7b@low")
    ('qwen', 'llama', 'zephyr')
    """
    name = model.lower()
    known = FAMILIES.search(name)
    if known is not None and known.lastgroup is not None:
        return known.lastgroup
    own = re.search(r"[a-z]+", name.split("/")[-1].split(":", 1)[-1])
    return own.group() if own is not None else name


@dataclass(slots=True)
class Collisions:
    """Probability that the answers of two models coincide given that both are wrong, per tenant and vector space.

    Counted by form of answer, kind of task and whether the models are of one family; what was counted for all kinds of
    tasks is the prior of one kind, and `ALIKE` is the prior of that. Never lower within a family than across.
    """

    _together: dict[tuple[str, str], tuple[Counts, Counts]] = field(default_factory=dict)

    def learn(self, history: "History") -> None:
        """Counts the pairs of answers that labels of a person or a check say are wrong; forgets what was before."""
        pairs: Counts = Counter()
        same: Counts = Counter()
        if history.said.size:
            import numpy as np

            wrong = (history.scores < WRONG) & history.trusted & (history.said != "")
            wrong[:, [place for place, name in enumerate(history.candidates) if "(" in name]] = False  # ensembles
            kin = [family(name) for name in history.candidates]
            for row in np.flatnonzero(wrong.sum(axis=1) > 1):
                said = [(kin[column], str(history.said[row, column])) for column in np.flatnonzero(wrong[row])]
                _count(said, history.task_types[row], pairs, same)
        self._together[history.tenant, history.space] = pairs, same

    def rate(
        self, a: str, b: str, expects: str, tenant: str = "default", space: str = "", task_type: str = ""
    ) -> float:
        """P(same answer | both wrong) of two models, in (0, 1).

        Args:
            a: A model's id.
            b: Another's, or the same for two samples of it.
            expects: The form of the answers.
            tenant: Whose outcomes are counted.
            space: The vector space that they are remembered in.
            task_type: Kind of task; empty = over all kinds.
        """
        across = self._believed(expects, False, tenant, space, task_type)
        if family(a) != family(b):
            return across
        within = max(across, self._believed(expects, True, tenant, space, task_type))
        return max(within, SAME_MODEL) if a == b else within

    def _believed(self, form: str, kin: bool, tenant: str, space: str, task_type: str) -> float:
        pairs, same = self._together.get((tenant, space), (Counter(), Counter()))
        belief = ALIKE.get(form, OTHERWISE)[kin]
        for kind in ("", task_type) if task_type else ("",):
            key = form, kind, kin
            belief = (STRENGTH * belief + same[key]) / (STRENGTH + pairs[key])
        return min(0.99, max(0.01, belief))


def _count(said: list[tuple[str, str]], task_type: str, pairs: Counts, same: Counts) -> None:
    for place, (kin, text) in enumerate(said):
        for other_kin, other in said[:place]:
            if form_of(text) != form_of(other):
                continue
            for kind in dict.fromkeys(("", task_type)):
                key = form_of(text), kind, kin == other_kin
                pairs[key] += 1
                same[key] += text == other
