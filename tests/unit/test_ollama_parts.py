"""What was learnt from a real Ollama, kept where no Ollama is there: cloud names, cut prompts, schemas, embedders."""

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_ollama import ChatOllama
from langchain_openai import ChatOpenAI

from orchestrator_graph.gateway.answer import read_answer
from orchestrator_graph.gateway.door import Gateway
from orchestrator_graph.gateway.egress import check
from orchestrator_graph.gateway.parameters import Flavour, parametrised
from orchestrator_graph.gateway.tokens import Size
from orchestrator_graph.nodes.plan import schema
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.types import Request

OLLAMA = ChatOllama(model="x")
COMPATIBLE = ChatOpenAI(model="x", base_url="http://127.0.0.1:9/v1", api_key="none")


@pytest.mark.parametrize(
    ("model", "cloud"),
    [
        ("ollama:gpt-oss:120b-cloud", True),
        ("ollama:kimi:cloud", True),
        ("ollama:Kimi:Cloud", True),
        ("openai:gpt-oss:120b-cloud", True),
        (ChatOllama(model="gpt-oss:120b-cloud"), True),
        ("ollama:cloud", False),
        ("ollama:my-cloud", False),
        ("ollama:my-cloud:1b", False),
        ("ollama:x:cloudy", False),
    ],
    ids=str,
)
def test_names_of_ollamas_cloud_are_never_local(model, cloud):
    spec = ModelSpec(model, local=True, base_url="http://127.0.0.1:9")
    assert spec.is_local is not cloud
    assert isinstance(check(spec), str) is cloud


@pytest.mark.parametrize(
    ("flavour", "count", "size", "cut"),
    [
        ("compatible", 128, Size(40, 80, 400), True),  # filled to the last token
        ("compatible", 30, Size(40, 80, 400), True),  # fewer than it can possibly be
        ("compatible", 30, Size(40, 80, 120), False),  # it surely fitted: this server counts in its own way
        ("compatible", 100, Size(80, 160, 700), True),  # it was not expected to fit, and a third is missing
        ("compatible", 121, Size(80, 160, 700), False),
        ("ollama", 30, Size(40, 80, 120), True),
        ("ollama", 60, Size(40, 80, 400), False),
        ("openai", 30, Size(40, 80, 400), False),
    ],
)
def test_a_prompt_that_was_cut_is_told_by_its_count(flavour: Flavour, count, size, cut):
    usage = {"input_tokens": count, "output_tokens": 1, "total_tokens": count + 1}
    message = AIMessage("Paris", usage_metadata=usage, response_metadata={"finish_reason": "length"})
    answer = read_answer(message, flavour, ModelSpec("ollama:x", context=128), size)
    assert answer.failure is not None
    assert answer.failure.kind == ("context_overflow" if cut else "length")


def test_ollama_is_never_given_what_kills_its_runner():
    request = Request((HumanMessage("plan"),), json_schema=schema())
    spec = ModelSpec("ollama:x", capabilities=frozenset({"chat", "json"}))
    _, native = parametrised(OLLAMA, spec, request, None, plain=False)
    _, compatible = parametrised(COMPATIBLE, spec, request, None, plain=False)
    assert "pattern" in str(schema())
    assert "maxLength" in str(schema())
    for given in (native["format"], compatible["extra_body"]["response_format"]):
        assert "subtasks" in str(given)
        assert not any(limit in str(given) for limit in ("pattern", "maxLength", "minLength"))


def test_only_an_embedder_on_this_machine_may_see_private_text():
    gateway = Gateway(environ={"OLLAMA_HOST": "127.0.0.1:9"})
    assert gateway.embeds_here("ollama:all-minilm")
    assert not gateway.embeds_here("ollama:qwen3-embedding:8b-cloud")
    assert not gateway.embeds_here("openai:text-embedding-3-small")
    assert not Gateway(environ={"OLLAMA_HOST": "http://gpu.example:11434"}).embeds_here("ollama:all-minilm")
