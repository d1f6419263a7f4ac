import pytest

from orchestrator_graph.pocket.answer import Answer, first_stop, held_back
from orchestrator_graph.pocket.runtime import Generation, Sampling
from orchestrator_graph.pocket.weights import load_network


def answer(*stops: str, prompt: str = "Reverse lantern", **sampling: float) -> Answer:
    return Answer(Generation(load_network("text"), prompt, Sampling(**sampling)), stops)  # type: ignore[arg-type]


def test_pieces_join_to_the_text() -> None:
    it = answer()
    assert "".join(it.pieces()) == it.text == "nretnal"
    assert it.finish_reason == "stop"
    assert [entry["token"] for entry in it.content] == list("nretnal")
    assert it.end_logprob is not None


@pytest.mark.parametrize(
    ("stop", "text"), [("tn", "nre"), ("nretnal", ""), ("n", ""), ("al", "nretn"), ("x", "nretnal")]
)
def test_a_stop_string_is_cut_and_never_shown_in_part(stop: str, text: str) -> None:
    it = answer(stop)
    assert "".join(it.pieces()) == it.text == text
    assert [entry["token"] for entry in it.content] == list(text)
    assert it.finish_reason == "stop"


def test_what_was_held_back_is_given_out_at_the_end() -> None:
    it = answer("lx")
    assert "".join(it.pieces()) == "nretnal"


def test_bytes_that_are_no_text_become_replacement_characters() -> None:
    seen = [answer(prompt="Reverse lantern", temperature=60.0, seed=seed, max_tokens=30) for seed in range(10)]
    joined = ["".join(it.pieces()) for it in seen]
    assert [it.text for it in seen] == joined
    assert any("\N{REPLACEMENT CHARACTER}" in text for text in joined)


def test_the_earliest_of_several_stops_wins() -> None:
    assert first_stop("abcdef", ["e", "c", ""]) == 2
    assert first_stop("abc", ["x"]) is None
    assert held_back("ab<", ["<end>", "b<x"]) == 2
    assert held_back("abc", []) == 0
