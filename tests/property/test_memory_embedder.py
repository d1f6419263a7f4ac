"""The built-in embedder: same text, same vector, everywhere; always of length one."""

import hashlib
import string
import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_graph.memory import HashedEmbedder

WORDS = st.lists(st.text(string.ascii_letters + string.digits + "+-=", min_size=1, max_size=12), max_size=12)


@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_every_text_has_a_unit_vector_and_only_one(text: str) -> None:
    first, second = HashedEmbedder(), HashedEmbedder()
    vector = first.vector(text)
    assert vector.shape == (384,)
    assert vector.dtype == np.float32
    assert abs(float(np.linalg.norm(vector)) - 1) < 1e-5
    assert np.array_equal(vector, second.vector(text))
    assert first.embed_query(text) == first.embed_documents([text])[0] == vector.tolist()


@given(WORDS, st.sampled_from(["  ", "\n", " \t ", "\u00a0"]))
def test_case_and_white_space_do_not_matter(words: list[str], gap: str) -> None:
    vector = HashedEmbedder().vector
    assert np.array_equal(vector(" ".join(words)), vector(gap + gap.join(words).upper() + gap))


def test_another_process_gives_the_same_bytes() -> None:
    texts = ["Add 47 and 38", "Größe", "", "日本語のテキスト", "a " * 3000]
    code = (
        "import hashlib, sys, json; from orchestrator_graph.memory import HashedEmbedder as H; v = H().vector;"
        "print(hashlib.sha256(b''.join(v(t).tobytes() for t in json.loads(sys.argv[1]))).hexdigest())"
    )
    import json

    run = [sys.executable, "-c", code, json.dumps(texts)]
    there = subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip()
    here = hashlib.sha256(b"".join(HashedEmbedder().vector(text).tobytes() for text in texts)).hexdigest()
    assert there == here
