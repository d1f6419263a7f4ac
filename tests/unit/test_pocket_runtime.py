import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestrator_graph.pocket.families import FAMILIES, check, generate
from orchestrator_graph.pocket.runtime import EOS, ContextOverflow, Generation, Sampling, complete
from orchestrator_graph.pocket.weights import NAMES, load_network, load_portfolio, modelfile, weights_path

FIELDS = {"small": ("maths", "text", "logic"), "medium": ("maths", "text", "logic")}


@pytest.mark.parametrize("name", NAMES)
def test_each_model_is_good_at_what_it_was_trained_for(name: str) -> None:
    fields = FIELDS.get(name, (name,))
    tasks = generate("test", 300, 5, [f.name for f in FAMILIES.values() if f.field in fields])
    right = sum(check(task, complete(load_network(name), task.prompt)) for task in tasks)
    assert right / 300 > {"small": 0.55, "medium": 0.7}.get(name, 0.75)


def test_a_specialist_is_bad_at_what_it_was_not_trained_for() -> None:
    tasks = generate("test", 100, 5, ["add", "subtract", "times"])
    assert sum(check(task, complete(load_network("text"), task.prompt)) for task in tasks) < 20


def test_probabilities_are_log_probabilities_of_the_likeliest_tokens() -> None:
    steps = list(Generation(load_network("text"), "Reverse lantern"))
    assert steps[-1].token == EOS
    for step in steps:
        values = [value for _, value in step.top]
        assert values == sorted(values, reverse=True)
        assert (step.token, step.logprob) == step.top[0]
        assert step.logprob <= 0


def test_no_computation_happens_before_the_first_step_and_steps_come_singly() -> None:
    generation = Generation(load_network("text"), "Reverse lantern")
    assert generation.steps == 0
    next(generation)
    assert (generation.steps, generation.finish_reason) == (1, None)
    list(generation)
    assert generation.finish_reason == "stop"
    with pytest.raises(StopIteration):
        next(generation)


@pytest.mark.parametrize("limit", [1, 3])
def test_a_length_limit_is_said(limit: int) -> None:
    generation = Generation(load_network("text"), "Reverse lantern", Sampling(max_tokens=limit))
    assert len(list(generation)) == limit
    assert generation.finish_reason == "length"


def test_the_context_ends_an_answer_that_would_not_end() -> None:
    network = load_network("text")
    generation = Generation(network, "z" * (network.context - 4), Sampling(temperature=50.0, seed=3))
    count = len(list(generation))
    assert count <= 3
    assert generation.finish_reason == "length"


def test_a_prompt_beyond_the_context_raises_and_names_both_lengths() -> None:
    with pytest.raises(ContextOverflow, match=r"202 tokens .* 128") as caught:
        Generation(load_network("small"), "x" * 200)
    assert (caught.value.prompt_tokens, caught.value.context) == (202, 128)
    assert isinstance(caught.value, ValueError)


def test_the_network_refuses_to_read_beyond_its_context() -> None:
    network = load_network("small")
    with pytest.raises(IndexError, match="129 tokens"):
        network.advance(network.cache(), [5] * 129)


def test_it_stops_between_tokens_when_told() -> None:
    asked: list[int] = []

    def should_stop() -> bool:
        asked.append(1)
        return len(asked) > 3

    generation = Generation(load_network("text"), "Reverse lantern", should_stop=should_stop)
    assert len(list(generation)) == 3
    assert generation.finish_reason == "cancelled"


def test_seeds_repeat_and_differ() -> None:
    network = load_network("small")

    def sample(seed: int) -> str:
        return complete(network, "Reverse pelican", Sampling(temperature=1.5, seed=seed))

    assert sample(1) == sample(1)
    assert len({sample(seed) for seed in range(20)}) > 1


def test_weights_are_loaded_once_however_many_threads_ask() -> None:
    barrier = threading.Barrier(8)

    def ask(_: int) -> int:
        barrier.wait()
        return id(load_network("logic"))

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1


def test_threads_do_not_disturb_each_other() -> None:
    network = load_network("text")
    words = ["lantern", "pelican", "harbor", "crystal"] * 5
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda word: complete(network, f"Reverse {word}"), words))
    assert answers == [complete(network, f"Reverse {word}") for word in words]


@pytest.mark.parametrize("name", NAMES)
def test_the_modelfile_names_weights_and_fixed_parameters(name: str) -> None:
    content = modelfile(name)
    assert content.startswith(f"FROM {weights_path(name)}\n")
    assert 'TEMPLATE """{{ .Prompt }}\n"""' in content
    for parameter in ("repeat_penalty 1.0", "num_thread 1", f"num_ctx {load_portfolio()[name]['context']}"):
        assert f"PARAMETER {parameter}\n" in content


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'huge'.*small, medium"):
        weights_path("huge")
