"""A real Ollama stops generating when an answer is given up: whoever asks next does not wait for the rest of it."""

import time

from langchain_core.messages import HumanMessage

from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.gateway.door import Gateway
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.types import Request

STORY = "Tell me a long story about a fox."
LONG = 150


def test_a_real_server_stops_when_an_answer_is_given_up(ollama_server):
    gateway = Gateway([ModelSpec("ollama:smollm2", base_url=ollama_server.url)], environ={})
    drive(gateway.portfolio(SYNC))

    def ask(text, **fields):
        began = time.monotonic()
        request = Request((HumanMessage(text),), **fields)
        lease = gateway.lease(f"{began}", cap_nusd=None, deadline_s=None)
        attempt = drive(gateway.call(SYNC, "ollama:smollm2", request, lease))
        return attempt, time.monotonic() - began

    ask("Say hi.", max_tokens=3)  # loads it
    whole, whole_s = ask(STORY, max_tokens=LONG)
    part, part_s = ask(STORY, max_tokens=LONG, give_up_below=0.5)
    _, next_s = ask("Say hi.", max_tokens=3)
    gateway.close()

    assert whole.usage.output_tokens == LONG
    assert part.failure.kind == "early_exit"
    assert whole.text.startswith(part.text)
    assert part.usage.output_tokens == len(part.logprobs) < LONG / 3
    assert part_s + next_s < whole_s / 2
