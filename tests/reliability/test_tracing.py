"""Under tracing, private text stays here: neither LangSmith nor a handler from elsewhere is told."""

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableLambda
from langsmith import Client
from langsmith.run_helpers import tracing_context


class Elsewhere(BaseCallbackHandler):
    def __init__(self):
        self.started = 0

    def on_chat_model_start(self, *args, **kwargs):
        self.started += 1


@pytest.mark.parametrize("private", [True, False])
def test_a_handler_from_elsewhere_is_told_only_what_is_not_private(talker, private):
    handler = Elsewhere()
    spec = talker.spec("openai", "ok", local=True)
    RunnableLambda(lambda _: talker(spec, deadline=5.0, private=private).ok).invoke(1, {"callbacks": [handler]})

    assert handler.started == (0 if private else 1)


@pytest.mark.parametrize("private", [True, False])
def test_langsmith_sees_only_what_is_not_private(talker, spy, private):
    text = f"traced words {private} {talker.stream} {talker.is_async}"
    spec = talker.spec("openai", "ok", local=True)
    client = Client(api_url=spy.url, api_key="k", auto_batch_tracing=False)
    with tracing_context(enabled=True, client=client):
        attempt = talker(spec, deadline=5.0, private=private, text=text)
    client.flush()
    client.close()

    assert attempt.ok, attempt.failure
    assert (text in str(spy.seen())) is not private
