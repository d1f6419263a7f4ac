"""Agreement for any voices: probabilities, whatever the order; more from surer ones, less from those that err alike."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_graph.confidence.agreement import Voice, posterior
from orchestrator_graph.confidence.consistency import clusters, entropy
from orchestrator_graph.confidence.normalise import fingerprint, normalise
from orchestrator_graph.confidence.signals import signals_of
from orchestrator_graph.types import Attempt, TokenLogprob

CHANCE = st.floats(0, 1)
MODELS = st.sampled_from(["gpt-1", "gpt-2", "qwen-1", "qwen-2", "claude-1"])
VOICES = st.lists(st.builds(Voice, MODELS, st.sampled_from(["4", "5", "6"]), CHANCE), min_size=1, max_size=7)
FORMS = st.sampled_from(["number", "choice", "yes_no", "json", "code", "list", "set", "word", "text"])


@st.composite
def rates(draw: st.DrawFn) -> tuple[float, float]:
    """Across families and within one, as `Collisions` gives them."""
    across = draw(st.floats(0, 1))
    return across, draw(st.floats(across, 1))


def rate(pair: tuple[float, float]):  # type: ignore[no-untyped-def]
    return lambda a, b: pair[a.split("-")[0] == b.split("-")[0]]


@given(VOICES, rates(), st.randoms(use_true_random=False))
def test_probabilities_in_any_order(voices: list[Voice], pair: tuple[float, float], random: object) -> None:
    found = posterior(voices, rate(pair))
    assert all(0 <= value <= 1 for value in found.values())
    assert sum(found.values()) <= 1 + 1e-9
    assert set(found) == {voice.key for voice in voices}
    mixed = list(voices)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert posterior(mixed, rate(pair)) == found


@given(VOICES, rates(), CHANCE)
def test_a_surer_voice_never_lowers_its_answer(voices: list[Voice], pair: tuple[float, float], p: float) -> None:
    first, *others = voices
    low, high = sorted([first.probability, p])
    before = posterior([Voice(first.model, first.key, low), *others], rate(pair))
    after = posterior([Voice(first.model, first.key, high), *others], rate(pair))
    assert after[first.key] >= before[first.key] - 1e-9


@given(VOICES, rates(), MODELS, st.floats(0.5, 1))
def test_a_further_agreeing_voice_never_lowers(
    voices: list[Voice], pair: tuple[float, float], model: str, p: float
) -> None:
    key = voices[0].key
    after = posterior([*voices, Voice(model, key, p)], rate(pair))[key]
    assert after >= posterior(voices, rate(pair))[key] - 1e-6


@given(st.lists(CHANCE, min_size=2, max_size=6), CHANCE, CHANCE)
def test_those_that_err_alike_count_less(chances: list[float], one: float, other: float) -> None:
    voices = [Voice(f"m-{i}", "4", p) for i, p in enumerate(chances)]
    low, high = sorted([one, other])
    assert posterior(voices, lambda *_: high)["4"] <= posterior(voices, lambda *_: low)["4"] + 1e-9


@settings(max_examples=200)
@given(st.text(max_size=80), FORMS)
def test_any_text_has_a_normal_form(text: str, form: str) -> None:
    key = normalise(text, form)
    assert key == normalise(text, form)
    assert len(fingerprint(text, form)) in {0, 16}


@given(st.lists(st.text(max_size=6), max_size=8), FORMS)
def test_scatter_is_a_share(texts: list[str], form: str) -> None:
    labels = clusters(texts, form)
    assert len(labels) == len(texts)
    assert 0 <= entropy(labels) <= 1
    assert sorted(set(labels)) == list(range(len(set(labels))))


@given(
    st.lists(
        st.tuples(st.text(max_size=5), st.floats(max_value=0), st.none() | st.floats()), max_size=12
    ),
    st.none() | st.floats(),
)  # fmt: skip
def test_signals_are_shares(tokens: list[tuple[str, float, float | None]], end: float | None) -> None:
    logprobs = tuple(TokenLogprob(*token) for token in tokens)
    for value in signals_of(Attempt("1", "m", "execute", logprobs=logprobs, end_logprob=end)).values():
        assert math.isfinite(value)
        assert 0 <= value <= 1
