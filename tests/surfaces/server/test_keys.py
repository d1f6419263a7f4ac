"""API keys, what they may spend and say; over the real command line."""

import hashlib
import http.client
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.servers import free_port
from tests.surfaces.server.support import QUESTION, Child, Upstream, ask, serve

PLAIN = "sk-plain-key-of-the-app"
KEYS = {"APP_KEY": PLAIN, "POOR_KEY": "sk-poor", "ONCE_KEY": "sk-once", "OPENAI_API_KEY": "sk-never-used"}
HOST = {**KEYS, "WEB_CONCURRENCY": "2"}  # as hosting services set it
CONFIG = f"""
memory = "./kept"

[policy]
deadline_s = 100

[budgets.team]
max_usd = 5.0
[budgets.tiny]
max_usd = 0.00001
[budgets.once]
max_usd = 0.005
per = "total"

[server.keys.app]
key_env = "APP_KEY"
tenant = "app"
budget = "team"
[server.keys.poor]
key_env = "POOR_KEY"
budget = "tiny"
[server.keys.once]
key_env = "ONCE_KEY"
budget = "once"
policy = {{ max_cost_usd = 1.0, allow = ["openai:word"] }}
[server.keys.private]
sha256 = "{hashlib.sha256(b"sk-private").hexdigest()}"
user_id = "ann"
policy = {{ private = true }}

[[models]]
model = "openai:word"
base_url = "URL/v1"
price = {{ input_usd = 1.0, output_usd = 10.0 }}
context = 8192
capabilities = ["chat"]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Path:
    folder = tmp_path_factory.mktemp("keyed")
    (folder / "own.toml").write_text(CONFIG.replace("URL", upstream.url))
    return folder


@pytest.fixture(scope="module")
def keyed(folder: Path) -> Iterator[Child]:
    child = serve(folder, "--config", "own.toml", **HOST)
    yield child
    child.stop()


def client(child: Child, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{child.url}/v1", api_key=key, max_retries=0)


def test_a_wrong_key_and_no_key(keyed: Child) -> None:
    with client(keyed, "sk-wrong") as stranger, pytest.raises(openai.AuthenticationError) as refused:
        stranger.chat.completions.create(model="orchestrator", messages=QUESTION)
    assert refused.value.code == "invalid_api_key" and "sk-wrong" not in str(refused.value)
    for path in ("/v1/models", "/v1/models/orchestrator", "/metrics"):
        status, body, headers = ask(f"{keyed.url}{path}")
        assert (status, body["error"]["code"], headers["www-authenticate"]) == (401, "invalid_api_key", "Bearer")
    assert ask(f"{keyed.url}/healthz")[0] == 200
    basic = ask(f"{keyed.url}/v1/models", None, {"authorization": f"Basic {PLAIN}"})
    assert basic[0] == 401


def test_a_connection_outlives_its_clients_patience(keyed: Child) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", keyed.port, timeout=10)
    connection.connect()
    first = connection.sock
    for pause in (6, 0):  # httpx, and so OpenAI's client, keeps an idle one for five seconds
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b'{"status":"ok"}'
        time.sleep(pause)
    assert connection.sock is first
    connection.close()


def test_a_right_key(keyed: Child) -> None:
    with client(keyed, PLAIN) as app:
        answer = app.chat.completions.create(model="orchestrator", messages=QUESTION, max_tokens=450)
    assert answer.choices[0].message.content == "slowly"
    assert answer.model == "openai:word"


def test_a_key_without_money_left_is_out_of_quota(keyed: Child) -> None:
    before = keyed.metric("orchestrator_requests_total", PLAIN, status="429")
    with client(keyed, "sk-poor") as poor:
        for stream in (False, True):
            with pytest.raises(openai.RateLimitError) as refused:
                poor.chat.completions.create(model="orchestrator", messages=QUESTION, stream=stream)
            assert (refused.value.status_code, refused.value.code) == (429, "insufficient_quota")
    keyed.reaches(before + 2, "orchestrator_requests_total", PLAIN, status="429")


def test_a_private_key_sends_nothing_away(keyed: Child, upstream: Upstream) -> None:
    before = upstream.seen("word")["begun"]
    status, body, _ = keyed.chat(key="sk-private")
    assert (status, body["error"]["code"]) == (403, "private")
    status, body, _ = keyed.chat(key="sk-private", policy={"private": False})
    assert (status, body["error"]["param"]) == (403, "policy.private")
    assert upstream.seen("word")["begun"] == before


@pytest.mark.parametrize(
    ("key", "policy", "field"),
    [
        (PLAIN, {"tenant": "other"}, "policy.tenant"),
        (PLAIN, {"budget": "once"}, "policy.budget"),
        (PLAIN, {"budget": None}, "policy.budget"),
        ("sk-once", {"allow": ["*"]}, "policy.allow"),
        ("sk-once", {"tenant": "app"}, "policy.tenant"),  # the key says nothing of it: it is not for all to choose
        ("sk-private", {"user_id": "bob"}, "policy.user_id"),
        (PLAIN, {"run_code": True}, "policy.run_code"),
    ],
)
def test_a_request_cannot_loosen_its_key(keyed: Child, key: str, policy: Any, field: str) -> None:
    status, body, _ = keyed.chat(key=key, policy=policy)
    assert (status, body["error"]["param"], body["error"]["code"]) == (403, field, "policy_not_allowed")


def test_of_two_limits_of_a_bill_the_smaller_counts(keyed: Child) -> None:
    status, body, _ = keyed.chat(key="sk-once", policy={"max_cost_usd": 0.000001})
    assert (status, body["error"]["code"]) in ((400, "no_candidate"), (429, "insufficient_quota"))


def test_a_restart_keeps_the_budget(folder: Path) -> None:
    for number in range(2):
        child = serve(folder, "--config", "own.toml", **KEYS)
        try:
            with client(child, "sk-once") as once:
                ask_once = partial(once.chat.completions.create, model="orchestrator", messages=QUESTION)
                if number == 0:
                    answer = ask_once(max_tokens=450)
                    assert answer.model_extra["orchestrator"]["cost_usd"] == pytest.approx(0.00401)
                with pytest.raises(openai.RateLimitError) as refused:
                    ask_once(max_tokens=450)
                assert refused.value.code == "insufficient_quota"
            assert child.chat(key=PLAIN)[0] == 200
        finally:
            child.stop()
    ledger = sqlite3.connect(folder / "kept" / "ledger.sqlite")
    tenants = {row[0] for row in ledger.execute("select distinct tenant from tasks")}
    ledger.close()
    assert tenants == {"app", "default"}


def test_no_key_is_written_anywhere(keyed: Child, folder: Path) -> None:
    found = [path for path in folder.rglob("*") if path.is_file() and PLAIN.encode() in path.read_bytes()]
    assert found == []


def started(folder: Path, *options: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", "from orchestrator_graph.cli import main; main()", "serve", *options]
    settings = {"PATH": os.environ["PATH"], "HOME": str(folder), **environ}
    return subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, timeout=60)


def test_others_are_let_in_with_keys_only(tmp_path: Path) -> None:
    done = started(tmp_path, "--host", "0.0.0.0", "--models", "pocket", "--port", str(free_port()))
    assert done.returncode == 3
    assert "--host 0.0.0.0 lets others in" in done.stderr and "[server.keys.NAME]" in done.stderr


def test_a_key_whose_variable_is_not_set(folder: Path) -> None:
    done = started(folder, "--config", "own.toml")
    assert done.returncode == 3
    assert "server.keys.app.key_env: the environment variable APP_KEY is not set" in done.stderr


def test_two_keys_that_are_the_same(folder: Path) -> None:
    done = started(folder, "--config", "own.toml", **{**KEYS, "POOR_KEY": PLAIN})
    assert done.returncode == 3 and "server.keys.poor is the same key as server.keys.app" in done.stderr
