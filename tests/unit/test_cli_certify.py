"""`orchestrator certify` and what is behind it: a promise granted and used, refusals, bad input."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestrator_graph import Orchestrator
from orchestrator_graph.cli.app import app
from orchestrator_graph.cli.certify import verdict_lines
from orchestrator_graph.confidence.certificate import Certificate, Refusal
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.errors import InputError, RegistryError
from orchestrator_graph.memory import Memory
from orchestrator_graph.memory.attempts import attempts
from orchestrator_graph.memory.certificates import newest
from tests.graph.remembered import Past, remembered
from tests.graph.support import model, orchestrated

POCKET = ["--models", "pocket"]


@pytest.fixture(autouse=True)
def somewhere_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in ("ORCHESTRATOR_CONFIG", "ORCHESTRATOR_CERTIFICATE_KEY"):
        monkeypatch.delenv(name, raising=False)


def pairs(n: int, cheap: float, dear: float = 1.0, names: tuple[str, str] = ("test:cheap", "test:dear")) -> list[Past]:
    """Tasks on which the reference is worth `dear` and the cheap one `cheap`."""
    return [Past(f"Name the author of book {i} of shelf {i % 7}", dict(zip(names, (cheap, dear), strict=True)))
            for i in range(n)]  # fmt: skip


def pool() -> list[Any]:
    return [model("cheap", "Goethe", 0.8, 0.1), model("dear", "Johann", 0.95, 10.0)]


def made(orc: Orchestrator, mode: str, *given: Any, **options: Any) -> Certificate | Refusal:
    if mode == "sync":
        return orc.certify(*given, **options)
    return asyncio.run(orc.acertify(*given, **options))


def test_a_promise_is_granted_kept_in_the_memory_and_followed(mode: str, tmp_path: Path) -> None:
    with orchestrated(*pool()) as orc:
        assert not orc.run("Name the author of Faust")["bill"]["proved"]
        remembered(orc.memory, pairs(600, 1.0))
        promise = made(orc, mode, out=tmp_path / "promise.json", life_days=30)
        assert isinstance(promise, Certificate), promise
        assert (promise.reference, promise.max_loss, promise.tenant) == ("test:dear", 0.02, "default")
        assert promise.saving > 0.9
        assert promise.expires_at == pytest.approx(promise.created_at + 30 * 86_400)
        assert set(promise.models) == {"test:cheap", "test:dear"}
        assert Certificate.load(tmp_path / "promise.json") == promise
        stored = drive(newest(SYNC, orc.memory, "default"))
        assert stored is not None and stored.content == promise.text()
        out = orc.run("Name the author of book 3 of shelf 3")
        assert (out["bill"]["proved"], out["bill"]["certificate"]) == (True, promise.id)
        assert out["results"]["1"]["candidate"] == "test:cheap"


def test_too_few_or_losing_pairs_are_refused_with_what_is_missing(mode: str) -> None:
    with orchestrated(*pool()) as orc:
        none = made(orc, mode)
        assert isinstance(none, Refusal)
        assert sum(none.needed.values()) > 100
        assert none.cost_nusd
        remembered(orc.memory, pairs(60, 1.0))
        few = made(orc, mode)
        assert isinstance(few, Refusal)
        assert few.n == 60
        assert verdict_lines(few)[0].startswith("No promise: ")
        remembered(orc.memory, pairs(600, 0.0))
        lost = made(orc, mode)
        assert isinstance(lost, Refusal)


def test_testing_again_on_other_labels_is_a_further_attempt_and_the_same_labels_are_not(mode: str) -> None:
    seen = list[int]()
    with orchestrated(*pool()) as orc:
        for start, stop in ((0, 300), (0, 0), (300, 600)):
            remembered(orc.memory, pairs(stop, 0.0)[start:]) if stop else None
            assert isinstance(made(orc, mode), Refusal)
            seen.append(_attempts(orc.memory))
    assert seen[0] == seen[1] < seen[2]


def _attempts(memory: Memory) -> int:
    from orchestrator_graph.memory.embedder import HashedEmbedder

    promise = repr(("default", HashedEmbedder().fingerprint, "test:dear", 0.02, 0.95))
    return drive(attempts(SYNC, memory, promise, "other data"))


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"max_loss": 0.0}, InputError, "certify: max_loss = 0.0 is no number between 0 and 1"),
        ({"max_loss": 1.0}, InputError, "max_loss = 1.0"),
        ({"max_loss": float("nan")}, InputError, "max_loss = nan"),
        ({"max_loss": True}, InputError, "max_loss = True"),
        ({"confidence": 0.5}, InputError, r"confidence = 0\.5 is no number between 0\.5 and 1"),
        ({"confidence": 1.0}, InputError, "confidence = 1.0"),
        ({"life_days": 0}, InputError, "life_days = 0"),
        (
            {"reference": "test:nobody"},
            RegistryError,
            "reference = 'test:nobody' is not in the portfolio; known",
        ),
    ],
)
def test_bad_input_names_the_field(mode: str, options: dict[str, Any], error: type[Exception], said: str) -> None:
    with orchestrated(*pool()) as orc, pytest.raises(error, match=said):
        made(orc, mode, **options)


@pytest.mark.parametrize("labels", ["one class", "too few", "reference alone"])
def test_labels_that_say_nothing_are_refused_and_not_guessed(labels: str) -> None:
    past = {
        "one class": pairs(40, 0.0, 0.0),
        "too few": pairs(30, 1.0),
        "reference alone": [Past(f"Name the author of book {i}", {"test:dear": 1.0}) for i in range(300)],
    }[labels]
    with orchestrated(*pool()) as orc:
        remembered(orc.memory, past)
        refusal = orc.certify()
    assert isinstance(refusal, Refusal)
    assert sum(refusal.needed.values()) > 0


def test_a_reference_without_a_price_and_models_without_one() -> None:
    from dataclasses import replace

    unknown = [replace(spec, price=None) for spec in pool()]
    with orchestrated(*unknown) as orc, pytest.raises(InputError, match="'test:dear' has no known price"):
        orc.certify(reference="test:dear")


def test_the_command_exits_with_1_on_a_refusal_and_2_on_a_mistake() -> None:
    given = ["certify", *POCKET, "--memory", "m"]
    refused = CliRunner().invoke(app, given, env={"COLUMNS": "200"})
    assert refused.exit_code == 1, refused.output
    assert "No promise: " in refused.output
    assert "needed: about" in refused.output
    shown = json.loads(CliRunner().invoke(app, [*given, "--json"]).stdout)
    assert (shown["granted"], shown["refusal"]["n"]) == (False, 0)
    assert CliRunner().invoke(app, [*given, "--max-loss", "2"]).exit_code == 2
    assert CliRunner().invoke(app, [*given, "--reference", "x:y"]).exit_code == 4


def test_the_command_grants_writes_and_the_next_run_is_proved() -> None:
    names = ("pocket:maths", "pocket:medium")
    with Orchestrator("pocket", memory="m") as orc:
        assert set(names) <= set(orc.portfolio())
        remembered(orc.memory, [item._replace(text=f"Add {i} and {i % 50}") for i, item in enumerate(
            pairs(500, 1.0, 1.0, names))])  # fmt: skip
    given = ["certify", *POCKET, "--memory", "m", "--reference", "pocket:medium", "--out", "promise.json"]
    granted = CliRunner().invoke(app, given, env={"COLUMNS": "200"})
    assert granted.exit_code == 0, granted.output
    assert "Promised: at most 2 points below pocket:medium with 95 %" in granted.output
    assert "wrote promise.json" in granted.output
    told = json.loads(CliRunner().invoke(app, ["decide", "Add 12 and 13", *POCKET, "--memory", "m", "--json"]).stdout)
    assert (told["proved"], told["ranking"][0]["candidate"]["members"][0]["model"]) == (True, "pocket:maths")
    Path("orchestrator.toml").write_text('certificate = "promise.json"\nmodels = "pocket"\nmemory = "other"\n')
    told = json.loads(CliRunner().invoke(app, ["decide", "Add 12 and 13", *POCKET, "--json"]).stdout)
    assert told["proved"]
    Path("promise.json").write_text(Path("promise.json").read_text().replace('"n": 5', '"n": 6', 1))
    assert CliRunner().invoke(app, ["run", "Add 12 and 13", *POCKET]).exit_code == 8
