"""Options to policy and task, and errors to exit codes: no model is involved."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator_graph import errors
from orchestrator_graph.cli.app import app
from orchestrator_graph.cli.group import exit_code
from orchestrator_graph.cli.options import chosen_policy
from orchestrator_graph.config import FILE_NAME, template
from orchestrator_graph.gateway.ollama import ollama_url

CLI = [sys.executable, "-c", "from orchestrator_graph.cli import main; main()"]


@pytest.fixture(autouse=True)
def somewhere_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in ("ORCHESTRATOR_CONFIG", "ORCHESTRATOR_DEMO", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_only_what_was_said_is_set() -> None:
    policy = chosen_policy(
        ["min_confidence=0.9", "allow=ollama:*, pocket:*", "user_id=42", 'human="ask"'],
        tradeoff="cheap",
        private=False,
        max_cost_usd=None,
    )
    assert policy.model_fields_set == {"min_confidence", "allow", "user_id", "human", "tradeoff"}
    assert (policy.tradeoff, policy.allow, policy.user_id) == (0.1, ["ollama:*", "pocket:*"], "42")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "x", "--max-cost", "-1"], 2, "policy.max_cost_usd = -1.0"),
        (["run", "x", "--deadline", "-5"], 2, "policy.deadline_s = -5.0"),
        (["run", "x", "--tradeoff", "lavish"], 2, "none of cheap, balanced, best"),
        (["run", "x", "--strategy", "hope"], 2, "policy.strategy = 'hope'"),
        (["run", "x", "--policy", "nonsense"], 2, "is no KEY=VALUE"),
        (["run", "x", "--policy", "colour=red"], 2, "unknown field. Known fields: allow"),
        (["run", "x", "--private", "--policy", "private=false"], 2, "was given twice"),
        (["run", "x", "--file", "y"], 2, "given twice"),
        (["run", ""], 2, "the task is empty: give it as text, --file, or standard input"),
        (["run", "--file", "blank"], 2, "the task is empty"),
        (["run", "x", "--tradeoff", "lavish"], 2, "policy.tradeoff = 'lavish': 'lavish' is none"),
        (["run", "--file", "nowhere.txt"], 2, "nowhere.txt: No such file"),
        (["decide", "--file", "binary"], 2, "not UTF-8"),
        (["run", "x", "--max-cost", "much"], 2, "max-cost"),
        (["explode"], 2, "No such command"),
    ],
)
def test_a_users_mistake_is_a_sentence_and_a_code(arguments: list[str], code: int, words: str) -> None:
    Path("binary").write_bytes(b"\xff")
    Path("blank").write_text(" \n")
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert result.exit_code == code
    assert words in result.stderr
    assert "Traceback" not in result.output
    assert not result.stdout


def test_a_broken_config_is_one_line_on_standard_error_of_a_real_process() -> None:
    Path(FILE_NAME).write_text("models = [\n", encoding="utf-8")
    done = subprocess.run([*CLI, "run", "x"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert f"{FILE_NAME}, line 1" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_version_and_bare_call() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout.startswith("orchestrator-graph 0.")
    assert "Usage" in CliRunner().invoke(app, []).output


def test_init_writes_the_template_and_never_overwrites_unasked() -> None:
    assert CliRunner().invoke(app, ["init"]).exit_code == 0
    assert Path(FILE_NAME).read_text(encoding="utf-8") == template()
    Path(FILE_NAME).write_text("mine", encoding="utf-8")
    refused = CliRunner().invoke(app, ["init"])
    assert (refused.exit_code, "--force" in refused.stderr) == (3, True)
    assert Path(FILE_NAME).read_text(encoding="utf-8") == "mine"
    assert CliRunner().invoke(app, ["init", "--force"]).exit_code == 0
    assert CliRunner().invoke(app, ["init", "--folder", "nowhere"]).exit_code == 3


def test_every_error_class_has_the_code_of_its_nearest_ancestor() -> None:
    class Special(errors.PrivacyError):
        pass

    assert exit_code(Special("x")) == 6
    assert exit_code(errors.OrchestratorError("x")) == 1
    assert {exit_code(cls("x")) for cls in errors.EXIT_CODES} == {2, 3, 4, 5, 6, 7, 8}


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("box:80", "http://box:80"),
        ("http://box", "http://box:80"),
        ("[::1]:9", "http://[::1]:9"),
        ("http://box/path/", "http://box:80/path"),
    ],
)
def test_ollama_host_is_read_as_ollama_reads_it(host: str, url: str) -> None:
    assert ollama_url(host) == url


@pytest.mark.parametrize("host", ["localhost:abc", "http://[bad", "ftp://box", "box:99999", "a b"])
@pytest.mark.parametrize("command", [["run", "x"], ["models"]], ids=["run", "models"])
def test_an_ollama_host_that_is_none_is_one_sentence(
    host: str, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", host)
    sentence = f"OLLAMA_HOST = {host!r} is no host:port, such as 127.0.0.1:11434"
    result = CliRunner().invoke(app, command)
    assert (result.exit_code, result.stderr) == (4, f"error: {sentence}\n")
    doctor = CliRunner().invoke(app, ["doctor", "--json"])
    assert doctor.exit_code == 1
    assert sentence in doctor.stdout


def test_a_memory_asked_for_by_name_must_open_before_anything_is_done() -> None:
    Path("taken").write_text("a file")
    secret = "mysql://me:hunter2@box/x?password=hunter2"
    for where, shown in (("taken", "taken"), ("postgres://box", "postgres://..."), (secret, "mysql://...")):
        result = CliRunner().invoke(app, ["run", "x", "--models", "pocket", "--memory", where])
        assert result.exit_code == 7
        assert f"--memory {shown}: " in result.stderr
        assert "hunter2" not in result.stderr
        assert not result.stdout
