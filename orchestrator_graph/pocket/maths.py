"""Four families of sums: add, subtract, times a digit, compare."""

from random import Random

from orchestrator_graph.pocket.family import Family, Slots, seen, unseen

LIMITS = {1: (1, 20), 2: (21, 99), 3: (100, 999)}


def number(rng: Random, difficulty: int) -> int:
    """A number up to 20, of two digits or of three."""
    return rng.randint(*LIMITS[difficulty])


def draw_sum(rng: Random, difficulty: int) -> Slots:
    """Two summands; at difficulty 2 and 3 the second may be shorter, as sums in the wild are."""
    shorter = rng.randint(1, difficulty) if rng.random() < 0.3 else difficulty
    return {"a": str(number(rng, difficulty)), "b": str(number(rng, shorter))}


def draw_difference(rng: Random, difficulty: int) -> Slots:
    """A minuend and a subtrahend that leave no negative number."""
    pair = draw_sum(rng, difficulty)
    low, high = sorted((int(pair["a"]), int(pair["b"])))
    return {"a": str(high), "b": str(low)}


def draw_product(rng: Random, difficulty: int) -> Slots:
    """A number and a digit from 2 to 9."""
    return {"a": str(number(rng, difficulty)), "b": str(rng.randint(2, 9))}


def draw_comparison(rng: Random, difficulty: int) -> Slots:
    """Two different numbers, often close ones, and the question which is larger or smaller."""
    low, high = LIMITS[difficulty]
    a = rng.randint(low, high)
    near = min(high, max(low, a + rng.randint(-9, 9)))
    b = near if rng.random() < 0.4 else rng.randint(low, high)
    if a == b:
        b = a - 1 if a > low else a + 1
    return {"a": str(a), "b": str(b), "which": rng.choice(("larger", "smaller"))}


def pair_key(slots: Slots) -> str:
    """One key for a pair in either order, so that 3 + 4 never trains what 4 + 3 tests."""
    return " ".join(sorted((slots["a"], slots["b"])))


def solve_comparison(slots: Slots, operation: str) -> str:
    """The larger or smaller number, whichever was asked.

    >>> solve_comparison({"a": "12", "b": "7", "which": "smaller"}, "")
    '7'
    """
    del operation
    pick = max if slots["which"] == "larger" else min
    return str(pick(int(slots["a"]), int(slots["b"])))


ADD = Family(
    "add",
    "maths",
    seen(
        "Add {a} and {b}",
        "{a} + {b} =",
        "What is {a} plus {b}?",
        "Sum of {a} and {b}:",
        "The sum of {a} and {b} is",
        "{a} plus {b}:",
        "Add {b} to {a}",
    )
    + unseen("Give the sum of {a} and {b}", "How much is {a} plus {b}?", "What do {a} and {b} make together?"),
    draw_sum,
    pair_key,
    lambda slots, _: str(int(slots["a"]) + int(slots["b"])),
)
SUBTRACT = Family(
    "subtract",
    "maths",
    seen(
        "Subtract {b} from {a}",
        "{a} - {b} =",
        "What is {a} minus {b}?",
        "Take {b} away from {a}",
        "The difference of {a} and {b} is",
        "{a} minus {b}:",
        "Difference of {a} and {b}:",
    )
    + unseen("Give the difference of {a} and {b}", "How much is {a} minus {b}?", "By how much does {a} exceed {b}?"),
    draw_difference,
    pair_key,
    lambda slots, _: str(int(slots["a"]) - int(slots["b"])),
)
TIMES = Family(
    "times",
    "maths",
    seen(
        "Multiply {a} by {b}",
        "{a} x {b} =",
        "What is {a} times {b}?",
        "Product of {a} and {b}:",
        "The product of {a} and {b} is",
        "{a} times {b}:",
        "Multiply {a} and {b}",
    )
    + unseen("Give the product of {a} and {b}", "How much is {a} times {b}?", "What do {b} lots of {a} make?"),
    draw_product,
    pair_key,
    lambda slots, _: str(int(slots["a"]) * int(slots["b"])),
)
COMPARE = Family(
    "compare",
    "maths",
    seen(
        "Pick the {which} of {a} and {b}",
        "Which is {which}, {a} or {b}?",
        "The {which} of {a} and {b}:",
        "{a} or {b}, {which} one =",
        "The {which} of {a} and {b} is",
        "{which} of {a} and {b}:",
        "Which one is {which}: {a} or {b}?",
    )
    + unseen(
        "Give the {which} of {a} and {b}",
        "What is the {which} of {a} and {b}?",
        "Between {a} and {b}, name the {which}",
    ),
    draw_comparison,
    pair_key,
    solve_comparison,
)
MATHS = (ADD, SUBTRACT, TIMES, COMPARE)
