"""What is believed of a model before anything was measured: gaps only, offline, with a source."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.language_models import FakeListChatModel

from orchestrator_graph.registry.catalogue import Catalogue, quality_of_size, size_of
from orchestrator_graph.registry.spec import ModelSpec, Price, Prior

FILL = Catalogue().fill


OFFLINE = """
import sys

def hook(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise SystemExit("the catalogue opened a socket")

sys.addaudithook(hook)
from orchestrator_graph.registry.catalogue import Catalogue
from orchestrator_graph.registry.spec import ModelSpec
print(Catalogue().fill(ModelSpec("openai:gpt-4o-mini")).price.input_usd)
"""


def test_the_catalogue_needs_no_network() -> None:
    done = subprocess.run([sys.executable, "-c", OFFLINE], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("0.15", "")


def test_a_cloud_model_gets_a_dated_list_price() -> None:
    spec = FILL(ModelSpec("openai:gpt-4o-mini"))
    assert spec.price is not None
    assert (spec.price.input_usd, spec.price.output_usd, spec.price.billed) == (0.15, 0.6, True)
    assert spec.price.source.startswith("genai-prices ")
    assert len(spec.price.date) == len("2026-01-31")
    assert spec.context == 128_000
    assert spec.has("logprobs")
    assert spec.prior("maths") == Prior(0.60, 3, "guess by tier")


@pytest.mark.parametrize(
    "name",
    [
        "anthropic:claude-sonnet-4-5-20250929",
        "google_genai:gemini-2.5-pro",
        "mistralai:mistral-large-latest",
        "openai:gpt-5-2025-08-07",
        "openrouter:openai/gpt-5",
    ],
)
def test_dated_versions_and_other_spellings_are_recognised(name: str) -> None:
    spec = FILL(ModelSpec(name))
    assert spec.tiers == {"large"}
    assert spec.price is not None
    assert spec.prior("code") == Prior(0.85, 3, "guess by tier")


def test_what_the_user_said_wins_then_the_file_then_the_catalogue() -> None:
    user = ModelSpec("openai:gpt-5-mini", price=Price(9, 9))
    told = ModelSpec("openai:gpt-5-mini", price=Price(1, 1), context=77, tiers=frozenset({"own"}))
    filled = Catalogue([told]).fill(user)
    assert filled.price == Price(9, 9)
    assert (filled.context, filled.tiers) == (77, {"own"})
    assert filled.prior("*") is not None
    assert FILL(filled) == filled


def test_an_alias_does_not_hide_what_the_model_is() -> None:
    assert FILL(ModelSpec("openai:gpt-5-mini", alias="fast:one")).tiers == {"medium"}


def test_an_endpoint_of_ones_own_has_no_list_price() -> None:
    assert FILL(ModelSpec("openai:gpt-5-mini", base_url="http://127.0.0.1:8000/v1")).price is None


def test_an_unlisted_cloud_model_is_guessed_from_its_price_and_an_unknown_one_not_at_all() -> None:
    guessed = FILL(ModelSpec("foo:bar", price=Price(1, 3)))
    assert guessed.tiers == {"medium"}
    assert guessed.prior("qa") == Prior(0.75, 1, "guess from price")
    assert FILL(ModelSpec("foo:bar")) == ModelSpec("foo:bar")
    assert not FILL(ModelSpec("mistral:mistral-embed")).priors


def test_an_open_model_is_guessed_from_its_size() -> None:
    spec = FILL(ModelSpec("ollama:llama3.1:8b-instruct-q4_K_M"))
    assert (spec.size_b, spec.price, spec.tiers) == (8.0, None, {"medium"})
    assert spec.prior("maths") == Prior(quality_of_size(8), 1, "guess from size")
    small = FILL(ModelSpec("ollama:smollm2:135m"))
    assert (small.seconds_per_token or 0) < (spec.seconds_per_token or 0)


def test_an_embedding_model_gets_no_belief_about_answers() -> None:
    spec = FILL(ModelSpec("ollama:all-minilm:22m", capabilities=frozenset({"embedding"})))
    assert not spec.priors
    assert Catalogue().what_for(spec) == "similarity search (embeddings)"


@given(st.floats(1e-6, 5000), st.floats(1.01, 100))
def test_a_larger_model_is_never_believed_worse(size: float, factor: float) -> None:
    assert 0.15 <= quality_of_size(size) <= quality_of_size(size * factor) <= 0.9


@pytest.mark.parametrize(
    ("name", "size"),
    [("qwen3:0.6b", 0.6), ("mixtral:8x7b", 56.0), ("gpt-oss:20b", 20.0), ("phi4", None), ("x-4bit", None)],
)
def test_the_size_is_read_from_the_name(name: str, size: float | None) -> None:
    assert size_of(name) == size


def test_what_for() -> None:
    specialist = ModelSpec(
        "pocket:maths", priors={"*": Prior(0.05, 9, "t"), "maths": Prior(0.9, 9, "t"), "text": Prior(0.1, 9, "t")}
    )
    assert Catalogue().what_for(specialist) == "maths"
    assert Catalogue().what_for(ModelSpec("foo:bar")) == "unknown: it learns from outcomes"
    assert "drafts" in Catalogue().what_for(FILL(ModelSpec("ollama:smollm2:135m")))


def test_a_model_object_without_bind_tools_is_not_guessed_to_call_them() -> None:
    class Plain(FakeListChatModel):
        model: str = "plain"

    guessed = Catalogue().fill(ModelSpec(Plain(responses=["x"]), price=Price(1, 1)))
    assert (guessed.has("chat"), guessed.has("tools")) == (True, False)
    assert Catalogue().fill(ModelSpec("openai:plain", price=Price(1, 1))).has("tools"), "of a name it is a guess"
