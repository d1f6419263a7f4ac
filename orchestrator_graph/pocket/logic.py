"""Three families of small logic: expressions with precedence, balanced brackets, list operations."""

from collections.abc import Callable
from random import Random

from orchestrator_graph.pocket.family import Family, Slots, seen, unseen

PAIRS = {"(": ")", "[": "]"}


def draw_expression(rng: Random, difficulty: int) -> Slots:
    """Two to four digits, joined so that precedence or a bracket matters and the value is never negative."""
    while True:
        a, b, c, d = (rng.randint(1, 9) for _ in range(4))
        shapes: dict[int, tuple[tuple[str, int], ...]] = {
            1: ((f"{a} + {b} - {c}", a + b - c), (f"{a} - {b} + {c}", a - b + c)),
            2: ((f"({a} + {b}) * {c}", (a + b) * c), (f"{a} + {b} * {c}", a + b * c), (f"{a} * {b} - {c}", a * b - c)),
            3: (
                (f"{a} * {b} - ({c} + {d})", a * b - c - d),
                (f"{a} * ({b} - {c}) + {d}", a * (b - c) + d),
                (f"{a} + {b} * {c} - {d}", a + b * c - d),
            ),
        }
        text, value = rng.choice(shapes[difficulty])
        if value >= 0:
            return {"expression": text, "value": str(value)}


def balanced(text: str) -> bool:
    """Whether each bracket closes the one that was opened last.

    >>> balanced("([])"), balanced("([)]"), balanced("(")
    (True, False, False)
    """
    stack: list[str] = []
    for char in text:
        if char in PAIRS:
            stack.append(PAIRS[char])
        elif not stack or stack.pop() != char:
            return False
    return not stack


def draw_brackets(rng: Random, difficulty: int) -> Slots:
    """A bracket string of 4 to 12 signs; half of them have one sign changed or two swapped."""
    length = rng.choice({1: (4, 6), 2: (6, 8), 3: (10, 12)}[difficulty])
    out: list[str] = []
    stack: list[str] = []
    while len(out) < length:
        if stack and (len(stack) == length - len(out) or rng.random() < 0.5):
            out.append(stack.pop())
        else:
            opening = rng.choice("([")
            stack.append(PAIRS[opening])
            out.append(opening)
    if rng.random() < 0.55:
        if rng.random() < 0.5:
            out[rng.randrange(length)] = rng.choice("()[]")
        else:
            i, j = rng.sample(range(length), 2)
            out[i], out[j] = out[j], out[i]
    return {"brackets": "".join(out)}


def draw_list(rng: Random, difficulty: int) -> Slots:
    """Three to five numbers below 10 (difficulty 1) or 100."""
    limit = 9 if difficulty == 1 else 99
    return {"items": " ".join(str(rng.randint(0, limit)) for _ in range(difficulty + 2))}


def _numbers(slots: Slots) -> list[int]:
    return [int(item) for item in slots["items"].split()]


OPERATIONS: dict[str, Callable[[list[int]], list[int]]] = {
    "sort": sorted,
    "reverse": lambda items: items[::-1],
    "largest": lambda items: [max(items)],
    "smallest": lambda items: [min(items)],
}

EXPRESSION = Family(
    "expression",
    "logic",
    seen(
        "Evaluate {expression}",
        "{expression} = ?",
        "Value of {expression}:",
        "Work out {expression}",
        "The value of {expression} is",
        "What is the value of {expression}?",
    )
    + unseen("Give the value of {expression}", "Work out the value of {expression}", "What does {expression} come to?"),
    draw_expression,
    lambda slots: slots["expression"],
    lambda slots, _: slots["value"],
)
BRACKETS = Family(
    "brackets",
    "logic",
    seen(
        "Check the brackets {brackets}",
        "Is {brackets} balanced?",
        "balanced({brackets}) =",
        "Do the brackets match: {brackets}",
        "Brackets {brackets} balanced?",
        "Are the brackets {brackets} balanced?",
    )
    + unseen(
        "Do the brackets {brackets} match?", "Check if {brackets} is balanced", "Tell if {brackets} is well nested"
    ),
    draw_brackets,
    lambda slots: slots["brackets"],
    lambda slots, _: "yes" if balanced(slots["brackets"]) else "no",
)
LIST = Family(
    "list",
    "logic",
    seen("Sort the list {items}", "sorted([{items}]) =", "The list {items} in order:", operation="sort")
    + seen("Reverse the list {items}", "The list {items} in reverse:", operation="reverse")
    + seen("Find the largest in the list {items}", "max([{items}]) =", operation="largest")
    + seen("Find the smallest in the list {items}", "min([{items}]) =", operation="smallest")
    + unseen("Put the list {items} in order", operation="sort")
    + unseen("What is the largest in the list {items}?", operation="largest")
    + unseen("Which of {items} is the top value?", operation="largest"),
    draw_list,
    lambda slots: " ".join(sorted(slots["items"].split())),
    lambda slots, operation: " ".join(map(str, OPERATIONS[operation](_numbers(slots)))),
)
LOGIC = (EXPRESSION, BRACKETS, LIST)
