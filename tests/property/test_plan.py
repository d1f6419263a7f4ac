"""What holds of every plan: order, completeness, and that answers find their places."""

from hypothesis import given
from hypothesis import strategies as st

from orchestrator_graph.nodes.plan import waves
from orchestrator_graph.nodes.prompt import fill
from orchestrator_graph.nodes.structure import cut
from orchestrator_graph.state import merge

JOINTS = [", then ", "; ", ". Then ", "; meanwhile ", " and then ", ". Also, ", ", and after that "]
WORDS = st.sampled_from(["lantern", "river", "Rome", "winter", "copper"])
ORDERS = st.sampled_from(["Reverse", "Translate", "Count the letters of", "Name a city near", "Write a line about"])
CLAUSES = st.builds("{} {}".format, ORDERS, WORDS)
REFERENCES = st.sampled_from(["", " and the result", " and the result of step 1"])


@st.composite
def dags(draw):
    """Ids in text order, each with needs among those before it."""
    count = draw(st.integers(0, 12))
    ids = [str(i + 1) for i in range(count)]
    return {name: draw(st.lists(st.sampled_from(ids[:i]), unique=True)) if i else [] for i, name in enumerate(ids)}


@given(dags())
def test_waves_keep_the_text_order_and_lose_nothing(needs):
    levels = waves(needs)
    order = [name for level in levels for name in level]
    assert sorted(order, key=int) == list(needs)
    for level in levels:
        assert level == sorted(level, key=int)
    at = {name: number for number, level in enumerate(levels) for name in level}
    for name, wanted in needs.items():
        assert at[name] == max((at[need] + 1 for need in wanted), default=0)


@given(dags().filter(lambda needs: len(needs) > 1), st.data())
def test_a_circle_is_left_out_whole(needs, data):
    first = data.draw(st.sampled_from(sorted(needs)))
    ring = {**needs, first: [*needs[first], "x"], "x": [first]}
    assert not {first, "x"} & {name for level in waves(ring) for name in level}


@given(st.lists(CLAUSES, min_size=2, max_size=6), st.data())
def test_cutting_keeps_every_clause_in_its_place_or_the_task_whole(clauses, data):
    text, used = clauses[0], set()
    for clause in clauses[1:]:
        joint = data.draw(st.sampled_from(JOINTS))
        used.add(joint)
        text += joint + (clause[0].lower() + clause[1:] if data.draw(st.booleans()) else clause)
    pieces = cut(text)
    assert [piece.brief for piece in pieces] in (clauses, [])
    assert pieces or not {"; ", ", then "} >= used
    for number, piece in enumerate(pieces, 1):
        assert all(int(need) < number for need in piece.needs)


@given(st.lists(st.builds("{}{}".format, CLAUSES, REFERENCES), min_size=2, max_size=9))
def test_a_numbered_list_is_cut_at_its_numbers(items):
    pieces = cut("\n".join(f"{number}. {item}" for number, item in enumerate(items, 1)))
    assert len(pieces) == len(items)
    for number, (piece, item) in enumerate(zip(pieces, items, strict=True), 1):
        assert piece.brief.startswith(item.split(" and the")[0])
        assert all(int(need) < number for need in piece.needs)
        assert all("{" + need + "}" in piece.brief for need in piece.needs)


NAMES = st.sampled_from(["1", "2", "3", "12"])
PLAIN = st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=300)
PARTS = st.lists(st.sampled_from(["Count n in ", "{1}", " and ", "{2}", "{12}", "{x}", "{ 1 }"]), min_size=1).map(
    "".join
)


@given(PARTS, st.dictionaries(NAMES, PLAIN.filter(str.strip)), st.booleans())
def test_fill_leaves_no_place_of_a_known_answer_and_loses_none(brief, answers, inline):
    text = fill(brief, answers, inline)
    for name, answer in answers.items():
        assert "{" + name + "}" not in text
        assert answer.strip() in text
    for name in ("1", "2", "12", "x"):
        if name not in answers and "{" + name + "}" in brief:
            assert "{" + name + "}" in text


STATES = st.none() | st.dictionaries(NAMES, st.integers())


@given(STATES, STATES, STATES)
def test_merge_is_idempotent_and_associative(one, two, three):
    both = merge(one, two)
    assert merge(both, two) == both
    assert merge(one, one) == (one or {})
    assert merge(merge(one, two), three) == merge(one, merge(two, three))
