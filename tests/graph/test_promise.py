"""A promise at work: found, verified, followed, billed, watched, suspended; sync and async."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator_graph import ModelSpec, Orchestrator, Policy, Price
from orchestrator_graph.bill import format_bill
from orchestrator_graph.confidence.certificate import Certificate
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.errors import CertificateError
from orchestrator_graph.memory import Memory
from orchestrator_graph.memory.certificates import Stored, newest, store
from orchestrator_graph.memory.embedder import HashedEmbedder
from orchestrator_graph.registry.fingerprint import model_fingerprint
from tests.graph.remembered import Past, decided, remembered
from tests.graph.support import model, orchestrated, run
from tests.promised import certificate, gate_json

TASK = "Name the author of Faust"


def pool(cheap: str = "Goethe", **fields: Any) -> list[ModelSpec]:
    return [model("cheap", cheap, 0.8, 0.1, **fields), model("dear", "Johann", 0.95, 10.0)]


def made(models: list[ModelSpec], *, inside: bool = True, **changes: Any) -> Certificate:
    gate = gate_json(HashedEmbedder().fingerprint, inside=inside)
    with Orchestrator(models) as orc:
        prints = {name: model_fingerprint(spec) for name, spec in orc.portfolio().items()}
    return certificate(**{"gate": gate, "models": prints, **changes})


def kept(memory: Memory, promise: Certificate) -> None:
    drive(store(SYNC, memory, Stored(promise.id, promise.tenant, promise.text(), promise.created_at)))


def test_a_named_file_is_followed_and_the_bill_says_so(mode: str, tmp_path: Path) -> None:
    models = pool()
    made(models).save(tmp_path / "promise.json")
    with orchestrated(*models, certificate=tmp_path / "promise.json") as orc:
        out = run(orc, mode, TASK)
        again = run(orc, mode, TASK)  # the decision is given again, and is as proved
        advice = decided(orc, mode, TASK)
    for each in (out, again):
        decision, bill = each["results"]["1"]["decision"], each["bill"]
        assert (decision["proved"], decision["certificate"]) == (True, "ab" * 16)
        assert (bill["proved"], bill["certificate"], bill["reference"]["model"]) == (True, "ab" * 16, "test:dear")
        assert each["results"]["1"]["candidate"] == "test:cheap"
        assert each["messages"][-1].response_metadata["proved"] is True
        assert format_bill(each, 200).endswith("proved (certificate abababab).")
    assert out["results"]["1"]["why"].startswith("proved: at most 2 points below test:dear with 95 %")
    assert (advice.proved, advice.ranking[0].candidate.id) == (True, "test:cheap")


def test_one_in_the_memory_is_found_and_implies_the_strict_guard(mode: str) -> None:
    models = pool()
    with orchestrated(*models) as orc:
        kept(orc.memory, made(models))
        assert run(orc, mode, TASK)["bill"]["proved"]
        assert not run(orc, mode, TASK, Policy(guard="prior"))["bill"]["proved"]
        assert not run(orc, mode, TASK, Policy(tenant="acme"))["bill"]["proved"]
        assert not run(orc, mode, TASK, Policy(strategy="cascade"))["bill"]["proved"]
    with orchestrated(*models, certificate=False) as orc:
        assert not run(orc, mode, TASK)["bill"]["proved"]


def wrong(kind: str, models: list[ModelSpec]) -> Certificate:
    right = made(models)
    return {
        "expires_at": replace(right, expires_at=time.time() - 1),
        "gate.space": replace(right, gate=gate_json("other")),
        "models.test:dear": made([models[0], replace(models[1], price=Price(9, 9))]),
        "models: 'test:gone'": replace(right, models={**right.models, "test:gone": "x"}),
    }[kind]


@pytest.mark.parametrize("kind", ["expires_at", "gate.space", "models.test:dear", "models: 'test:gone'"])
def test_what_is_not_right_is_an_error_where_it_was_named_and_else_a_note(mode: str, kind: str, tmp_path: Path) -> None:
    models = pool()
    promise = wrong(kind, models)
    promise.save(tmp_path / "promise.json")
    with orchestrated(*models, certificate=str(tmp_path / "promise.json")) as orc:
        for ask in (run, decided):
            with pytest.raises(CertificateError, match=f"certificate abababab: {kind}"):
                ask(orc, mode, TASK)
        assert [spec.model.seen for spec in models] == [[], []]
    with orchestrated(*models) as orc:
        kept(orc.memory, promise)
        out = run(orc, mode, TASK)
    assert (out["results"]["1"]["candidate"], out["bill"]["proved"]) == ("test:dear", False)
    (note,) = out["bill"]["notes"]
    assert f"certificate abababab: {kind}" in note
    assert "the strict guard goes on without it" in note


def test_a_tampered_or_foreign_one_is_refused_before_anything_is_called(mode: str, tmp_path: Path) -> None:
    models, path = pool(), tmp_path / "promise.json"
    made(models).save(path)
    path.write_text(path.read_text().replace('"bound": 0.015', '"bound": 0.001'))
    with orchestrated(*models, certificate=path) as orc, pytest.raises(CertificateError, match="content_hash"):
        run(orc, mode, TASK)
    made(models).save(path)
    with orchestrated(*models, certificate=path) as orc, pytest.raises(CertificateError, match="tasks of 'acme'"):
        run(orc, mode, TASK, Policy(tenant="acme"))
    with orchestrated(*models, certificate=True) as orc, pytest.raises(CertificateError, match="none is remembered"):
        run(orc, mode, TASK)
    assert [spec.model.seen for spec in models] == [[], []]


def test_a_signed_one_needs_the_secret(mode: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    models, path = pool(), tmp_path / "promise.json"
    made(models).save(path)
    monkeypatch.setenv("ORCHESTRATOR_CERTIFICATE_KEY", "secret")
    with orchestrated(*models, certificate=path) as orc, pytest.raises(CertificateError, match="signature = None"):
        run(orc, mode, TASK)
    made(models).save(path, "secret")
    with orchestrated(*models, certificate=path) as orc:
        assert run(orc, mode, TASK)["bill"]["proved"]


def test_outside_the_domain_the_reference_answers_and_too_much_of_it_suspends(mode: str) -> None:
    models = pool()
    with orchestrated(*models) as orc:
        kept(orc.memory, made(models, inside=False))
        outs = [run(orc, mode, f"Name the author of book {number}") for number in range(16)]
        assert {out["results"]["1"]["candidate"] for out in outs} == {"test:dear"}
        assert (outs[0]["bill"]["proved"], outs[-1]["bill"]["proved"]) == (True, False)
        assert "is suspended: " in outs[-1]["results"]["1"]["why"]
        assert "lie outside the domain" in drive(newest(SYNC, orc.memory, "default")).suspended  # type: ignore[union-attr]


def test_audited_losses_suspend_it_for_every_process_until_it_is_renewed(mode: str, tmp_path: Path) -> None:
    models = pool()
    with orchestrated(*models, memory=tmp_path / "m") as orc:
        kept(orc.memory, made(models, created_at=time.time() - 60))
        assert run(orc, mode, TASK)["bill"]["proved"]
        lost = [Past(f"Name the author of book {n}", {"test:cheap": 0.0, "test:dear": 1.0}) for n in range(60)]
        remembered(orc.memory, lost)
        out = run(orc, mode, TASK)
        assert (out["results"]["1"]["candidate"], out["bill"]["proved"]) == ("test:dear", False)
        assert "60 audited requests say that more than 2 points are lost" in out["results"]["1"]["why"]
    with orchestrated(*models, memory=tmp_path / "m") as orc:
        assert "is suspended: 60 audited requests" in decided(orc, mode, TASK).why
        kept(orc.memory, replace(made(models), id="cd" * 16, created_at=time.time() + 1))
        orc.services.promises.renewed()
        assert decided(orc, mode, TASK).proved


def test_what_was_labelled_before_it_was_made_is_not_held_against_it(mode: str) -> None:
    models = pool()
    lost = [Past(f"Name the author of book {n}", {"test:cheap": 0.0, "test:dear": 1.0}, age_days=1) for n in range(60)]
    with orchestrated(*models) as orc:
        kept(orc.memory, made(models))
        assert run(orc, mode, TASK)["bill"]["proved"]
        remembered(orc.memory, lost)
        assert run(orc, mode, TASK)["bill"]["proved"]


def test_a_failed_check_goes_to_the_reference_and_stays_proved(mode: str) -> None:
    models = [*pool("no idea"), model("mid", "{}", 0.9, 1.0)]
    with orchestrated(*models[:1], model("dear", "{}", 0.95, 10.0), models[2]) as orc:
        kept(orc.memory, made(models))
        out = run(orc, mode, "Give the largest city of Italy as JSON")
    assert (out["results"]["1"]["candidate"], out["bill"]["proved"]) == ("test:dear", True)
    assert models[2].model.seen == []


def test_steps_that_build_on_each_other_are_proved_apart_and_their_run_is_not(mode: str) -> None:
    models = pool()
    with orchestrated(*models) as orc:
        kept(orc.memory, made(models))
        out = run(orc, mode, "Write a slogan, then translate the result into French")
    assert [out["results"][name]["decision"]["proved"] for name in ("1", "2")] == [True, True]
    assert (out["bill"]["proved"], out["bill"]["certificate"]) == (False, "")


def test_under_load_it_is_read_once_and_counted_by_every_thread(tmp_path: Path) -> None:
    models = pool()
    made(models).save(tmp_path / "promise.json")
    with Orchestrator(models, certificate=tmp_path / "promise.json") as orc:

        async def many() -> list[dict[str, Any]]:
            return await asyncio.gather(*(orc.arun(f"Name the author of book {n}") for n in range(12)))

        outs = asyncio.run(many())
        assert all(out["bill"]["proved"] for out in outs)
