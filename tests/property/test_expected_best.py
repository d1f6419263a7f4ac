"""What the maths of cascade routing must hold for any candidates."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_graph.confidence.cascade import next_step
from orchestrator_graph.confidence.expected_best import Array, expected_best, reservations

UNIT = st.floats(0, 1)
FLAT = 1.3e-2
"""Half a cell of the grid: what a resolution of 0, all of it at one point, may be off by."""


@st.composite
def offers(draw: st.DrawFn, most: int = 6) -> tuple[Array, Array, Array]:
    k = draw(st.integers(1, most))
    rows = [draw(st.lists(UNIT, min_size=k, max_size=k)) for _ in range(3)]
    return np.array(rows[0]), np.array(rows[1]), np.array(rows[2]) / 2


@given(offers(), UNIT)
@settings(max_examples=60, deadline=None)
def test_more_candidates_never_expect_less(offer: tuple[Array, Array, Array], floor: float) -> None:
    quality, resolution, _ = offer
    best = expected_best(quality, resolution, floor)
    for place in range(len(best)):
        for bit in range(len(quality)):
            assert best[place | 1 << bit] >= best[place] - 1e-9


@given(offers(), UNIT)
@settings(max_examples=60, deadline=None)
def test_the_best_is_worth_at_least_what_is_in_hand_and_at_most_one(
    offer: tuple[Array, Array, Array], floor: float
) -> None:
    quality, resolution, _ = offer
    best = expected_best(quality, resolution, floor)
    assert best[0] == floor
    assert (best >= floor).all()
    assert (best <= 1 + 1e-9).all()
    for bit, q in enumerate(quality):
        assert best[1 << bit] >= max(q, floor) - FLAT
    # A union bound: no more than all that each one adds.
    assert best[-1] <= floor + sum(best[1 << bit] - floor for bit in range(len(quality))) + 1e-9


@given(offers(), UNIT)
@settings(max_examples=60, deadline=None)
def test_full_never_expects_less_than_one_more_answer(offer: tuple[Array, Array, Array], floor: float) -> None:
    quality, resolution, costs = offer
    best = expected_best(quality, resolution, floor)
    sums = np.array([costs[[b >> i & 1 == 1 for i in range(len(costs))]].sum() for b in range(len(best))])
    singles = [best[1 << bit] - costs[bit] for bit in range(len(quality))]
    assert (best - sums).max() >= max(floor, *singles) - 1e-9


@given(offers())
@settings(max_examples=60, deadline=None)
def test_a_reservation_value_is_what_makes_asking_worth_its_cost(offer: tuple[Array, Array, Array]) -> None:
    quality, resolution, costs = offer
    for q, r, c, z in zip(quality, resolution, costs, reservations(quality, resolution, costs), strict=True):
        assert z >= q - c - FLAT
        if 0 < z < 1 and c > 0:
            gain = expected_best(np.array([q]), np.array([r]), float(z))[1] - z
            assert abs(gain - c) < FLAT


@given(offers(), st.none() | UNIT, st.sampled_from(["greedy", "full"]))
@settings(max_examples=80, deadline=None)
def test_a_step_is_one_of_those_offered_and_never_bought_for_nothing(
    offer: tuple[Array, Array, Array], in_hand: float | None, lookahead: str
) -> None:
    quality, resolution, costs = offer
    step = next_step(quality, resolution, costs, in_hand, lookahead)  # type: ignore[arg-type]
    if in_hand is None:
        assert step is not None
    if step is not None:
        assert 0 <= step < len(quality)
    elif in_hand is not None:
        assert (quality - costs <= in_hand + FLAT).all()


@given(offers())
@settings(max_examples=80, deadline=None)
def test_without_resolution_it_is_plain_routing(offer: tuple[Array, Array, Array]) -> None:
    quality, _, costs = offer
    nothing = np.zeros(len(quality))
    first = next_step(quality, nothing, costs, None)
    assert first is not None
    assert quality[first] - costs[first] == max(quality - costs)
    rest = np.delete(np.arange(len(quality)), first)
    # What was asked is as good as it was believed to be: nothing is left that is worth asking, too.
    assert next_step(quality[rest], nothing[rest], costs[rest], float(quality[first])) is None


@given(offers(), st.lists(UNIT, min_size=6, max_size=6))
@settings(max_examples=80, deadline=None)
def test_in_a_fixed_order_it_is_a_plain_threshold_cascade(
    offer: tuple[Array, Array, Array], confidences: list[float]
) -> None:
    limits = reservations(*offer)
    for level in range(1, len(limits)):
        only = [array[level : level + 1] for array in offer]
        goes_on = next_step(*only, confidences[level - 1]) is not None
        assert goes_on == (confidences[level - 1] < limits[level])
