import re

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from orchestrator_graph.pocket.answer import first_stop, held_back
from orchestrator_graph.pocket.compounds import compound
from orchestrator_graph.pocket.families import FAMILIES, check, generate, normalise
from orchestrator_graph.pocket.family import SPLITS, Split, split_of
from orchestrator_graph.pocket.gguf import GgufError, parse_gguf
from orchestrator_graph.pocket.logic import balanced
from orchestrator_graph.pocket.runtime import EOS, Generation, Sampling, complete, encode, log_softmax, token_bytes
from orchestrator_graph.pocket.weights import NAMES, load_network, weights_path

FEW = settings(max_examples=25, deadline=None)
PROMPTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
SEEDS = st.integers(0, 10**9)


@FEW
@given(ids=st.lists(st.integers(0, 259), min_size=2, max_size=40), cut=st.integers(1, 39), name=st.sampled_from(NAMES))
def test_the_cache_changes_no_logits(ids: list[int], cut: int, name: str) -> None:
    network = load_network(name)
    whole = network.advance(network.cache(), ids)
    cache = network.cache()
    parts = [ids[: cut % len(ids)], *([i] for i in ids[cut % len(ids) :])]
    for part in filter(None, parts):
        stepped = network.advance(cache, part)
    np.testing.assert_allclose(stepped, whole, atol=2e-3, rtol=1e-3)


@FEW
@given(prompt=PROMPTS, name=st.sampled_from(NAMES))
def test_greedy_answers_are_always_the_same(prompt: str, name: str) -> None:
    network = load_network(name)
    sampling = Sampling(max_tokens=20)
    assert complete(network, prompt, sampling) == complete(network, prompt, sampling)


@FEW
@given(prompt=PROMPTS, seed=SEEDS, temperature=st.floats(0, 5), limit=st.integers(1, 12))
def test_a_generation_always_ends_and_says_why(prompt: str, seed: int, temperature: float, limit: int) -> None:
    generation = Generation(
        load_network("text"), prompt, Sampling(temperature=temperature, seed=seed, max_tokens=limit)
    )
    steps = list(generation)
    assert len(steps) == generation.steps <= limit
    assert generation.finish_reason == ("stop" if steps[-1].token == EOS else "length")
    assert all(step.logprob <= 0 for step in steps)


@given(prompt=PROMPTS)
def test_prompts_survive_the_vocabulary(prompt: str) -> None:
    assert b"".join(map(token_bytes, encode(prompt))).decode() == prompt + "\n"


@given(values=st.lists(st.floats(-80, 80, width=32), min_size=1, max_size=50))
def test_probabilities_add_up_to_one(values: list[float]) -> None:
    assert np.exp(log_softmax(np.array(values, np.float32))).sum() == pytest.approx(1)


@FEW
@given(split=st.sampled_from(SPLITS), seed=SEEDS)
def test_check_accepts_the_answer_and_generation_repeats(split: Split, seed: int) -> None:
    tasks = generate(split, 12, seed, held_out=None)
    assert all(check(task, task.answer) for task in tasks)
    assert not any(check(task, task.answer + "0") for task in tasks)
    assert tasks == generate(split, 12, seed, held_out=None)


@settings(max_examples=10, deadline=None)
@given(split=st.sampled_from(SPLITS), seed=SEEDS)
def test_operands_read_back_from_prompts_belong_to_their_split(split: Split, seed: int) -> None:
    for task in generate(split, 60, seed, held_out=None):
        assert split_of(FAMILIES[task.family].key(_operands(task.prompt, task.phrasing))) == split


@settings(max_examples=5, deadline=None)
@given(split=st.sampled_from(SPLITS), seed=SEEDS)
def test_every_part_of_a_compound_belongs_to_its_split(split: Split, seed: int) -> None:
    for task in compound(split, 10, seed):
        for part in task.parts:
            assert split_of(FAMILIES[part.family].key(_operands(part.prompt, part.phrasing))) == split


def _operands(prompt: str, phrasing: str) -> dict[str, str]:
    pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(phrasing))
    found = re.search(pattern + r"\.?$", prompt, re.IGNORECASE)
    assert found, (prompt, phrasing)
    return {slot: value.rstrip(".") for slot, value in found.groupdict().items()}


@given(word=st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=8))
def test_a_word_and_its_anagrams_share_a_split(word: str) -> None:
    key = FAMILIES["reverse"].key
    assert split_of(key({"word": word})) == split_of(key({"word": word[::-1]}))
    assert split_of(key({"word": word})) == split_of(key({"word": "".join(sorted(word)).upper()}))


@given(text=st.text("()[]", max_size=10))
def test_balance_agrees_with_erasing_pairs(text: str) -> None:
    left = text
    while (less := left.replace("()", "").replace("[]", "")) != left:
        left = less
    assert balanced(text) == (left == "")


@FEW
@given(text=st.text(max_size=30))
def test_a_normalised_answer_is_one_line_of_single_spaces(text: str) -> None:
    assert "  " not in normalise(text)
    assert "\n" not in normalise(text)


@given(text=st.text("ab#", max_size=12), stops=st.lists(st.text("ab#", min_size=1, max_size=4), max_size=3))
def test_held_back_text_is_exactly_what_may_become_a_stop(text: str, stops: list[str]) -> None:
    assume(first_stop(text, stops) is None)
    size = held_back(text, stops)
    assert size == max((n for s in stops for n in range(1, len(s)) if text.endswith(s[:n])), default=0)


@given(text=st.text("ab#", max_size=12), stops=st.lists(st.text("ab#", min_size=1, max_size=4), max_size=3))
def test_the_first_stop_is_where_any_stop_first_begins(text: str, stops: list[str]) -> None:
    begins = [at for at in range(len(text)) if any(text.startswith(stop, at) for stop in stops)]
    assert first_stop(text, stops) == min(begins, default=None)


@FEW
@given(place=st.integers(0, 6000), value=st.integers(0, 255))
def test_a_damaged_header_never_ends_in_another_error(place: int, value: int) -> None:
    data = bytearray(weights_path("text").read_bytes())
    data[place] = value
    try:
        parse_gguf(bytes(data), "damaged.gguf")
    except GgufError as error:
        assert "damaged.gguf" in str(error)
