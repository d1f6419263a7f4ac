"""Private text goes nowhere but to this machine: by trust, by address, without redirects and without proxies."""

import os

import pytest

from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.gateway.egress import check
from orchestrator_graph.registry.spec import ModelSpec

SECRET = "the launch code is 8231"


@pytest.mark.parametrize("protocol", ["openai", "ollama"])
def test_a_redirect_does_not_carry_a_private_prompt_out(talker, spy, protocol):
    attempt = talker(talker.spec(protocol, "redirect", local=True), text=SECRET, private=True)

    assert attempt.failure is not None
    assert attempt.failure.kind == "bad_response"
    assert SECRET not in str(spy.seen())


@pytest.fixture
def proxy_in_environment(spy):
    names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"]
    kept = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, spy.url))
    yield
    for name, value in kept.items():
        if value is None:
            os.environ.pop(name)
        else:
            os.environ[name] = value


@pytest.mark.parametrize("protocol", ["openai", "ollama"])
@pytest.mark.usefixtures("proxy_in_environment")
def test_a_proxy_of_the_environment_sees_nothing(talker, spy, protocol):
    attempt = talker(talker.spec(protocol, "ok", local=True), text=SECRET, private=True, deadline=5.0)

    assert attempt.ok, attempt.failure
    assert SECRET not in str(spy.seen())


def test_private_text_is_refused_where_nobody_said_local(talker):
    attempt = talker(talker.spec("openai", "never-private"), private=True)

    assert attempt.failure is not None
    assert attempt.failure.kind == "privacy"
    assert attempt.cost_nusd == 0
    assert "never-private" not in talker.server.seen()["requests"]


def test_an_alias_of_a_cloud_model_is_refused(caller):
    attempt = caller(caller.spec("ollama", "elsewhere"), private=True)

    assert attempt.failure is not None
    assert attempt.failure.kind == "privacy"
    assert "ollama.com" in attempt.failure.message
    assert "elsewhere" not in caller.server.seen()["requests"]


@pytest.mark.parametrize(
    ("address", "local", "allowed"),
    [
        ("127.0.0.1", None, True),
        ("::1", None, True),
        ("10.1.2.3", None, False),
        ("10.1.2.3", True, True),
        ("169.254.1.1", True, True),
        ("fd00::1", True, True),
        ("8.8.8.8", True, False),
        ("0.0.0.0", True, False),
    ],
)
def test_the_address_must_be_local_too(address, local, allowed):
    spec = ModelSpec("ollama:m", base_url="http://box:11434", local=local)

    found = check(spec, lambda _host: [address])

    assert (found == {"box": address}) if allowed else isinstance(found, str)


def test_one_foreign_address_among_many_is_enough_to_refuse():
    spec = ModelSpec("ollama:m", base_url="http://box:11434")
    assert isinstance(check(spec, lambda _host: ["127.0.0.1", "8.8.8.8"]), str)


def test_the_checked_address_is_the_one_that_is_used(caller):
    """A name that resolves differently the second time (DNS rebinding) does not help: the address is pinned."""
    spec = caller.spec("openai", "ok", local=True, base_url=f"http://localhost:{caller.server.port}/v1")
    attempt = caller(spec, private=True, deadline=5.0)

    assert attempt.ok, attempt.failure
    hosts = [seen["head"] for seen in caller.server.seen()["bodies"]]
    assert any(f"host: localhost:{caller.server.port}" in head.lower() for head in hosts)


def test_a_key_is_not_shown_to_another_server(caller):
    gateway = caller.gateway(
        ModelSpec("openai:ok", base_url=f"{caller.server.url}/v1"), environ={"OPENAI_API_KEY": "sk-very-own-key"}
    )
    drive(gateway.portfolio(SYNC))
    caller(ModelSpec("openai:ok"), gateway=gateway, deadline=5.0)
    gateway.close()

    assert "sk-very-own-key" not in str(caller.server.seen())
