"""A promise as a file: what is changed, foreign, expired or malformed is refused, and the refusal names the field."""

import json
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_graph.confidence.certificate import LIFE_S, Certificate, verify
from orchestrator_graph.confidence.seal import sealed
from orchestrator_graph.errors import CertificateError
from orchestrator_graph.registry.fingerprint import model_fingerprint
from orchestrator_graph.registry.spec import ModelSpec, Price
from orchestrator_graph.types import to_json
from tests.promised import certificate

DEAR = ModelSpec("test:dear", price=Price(10, 10), base_url="http://127.0.0.1:1")
HERE: dict[str, Any] = {"tenant": "default", "space": "s", "now": 2000.0}


def ours(**changes: Any) -> Certificate:
    return certificate(**{"models": {"test:dear": model_fingerprint(DEAR)}, "created_at": 1000.0, **changes})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    made = ours()
    made.save(tmp_path / "promise.json")
    assert Certificate.load(tmp_path / "promise.json") == made
    assert made.expires_at == 1000.0 + LIFE_S
    assert made.space == "s"


@pytest.mark.parametrize("name", [item.name for item in fields(Certificate)])
def test_a_changed_field_is_found(name: str, tmp_path: Path) -> None:
    path = tmp_path / "promise.json"
    ours().save(path)
    data = json.loads(path.read_text())
    value = data[name]
    data[name] = {**value, "x": "y"} if isinstance(value, dict) else value + ("x" if isinstance(value, str) else 1)
    path.write_text(json.dumps(data))
    with pytest.raises(CertificateError, match=r"promise\.json: content_hash = .* was changed after it was made"):
        Certificate.load(path)


@given(st.data())
def test_a_changed_byte_never_makes_another_promise(data: st.DataObject) -> None:
    text = ours().text()
    place = data.draw(st.integers(0, len(text) - 1))
    changed = text[:place] + data.draw(st.characters(codec="utf-8")) + text[place + 1 :]
    with suppress(CertificateError):
        assert Certificate.parse(changed) == ours()  # blanks may change


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("max_loss", 0, "max_loss = 0; it is a number between 0 and 1"),
        ("max_loss", True, "max_loss = True"),
        ("confidence", 0.5, "confidence = 0.5; it is a number between .5 and 1"),
        ("n", 1.5, "n = 1.5; it is a number of labels"),
        ("reference", "", "reference = ''; it is text that is not empty"),
        ("models", {"a": 1}, "models = .* a table of texts"),
        ("gate", {}, "gate = .* it is a gate"),
        ("bound", "x", "bound = 'x'"),
        ("version", 7, "version = 7; this release knows 1"),
    ],
)
def test_a_field_that_makes_no_sense_is_named(field: str, value: Any, said: str) -> None:
    with pytest.raises(CertificateError, match=said):
        Certificate.parse(sealed({**to_json(ours()), field: value}))


def test_what_is_missing_or_unknown_is_named(tmp_path: Path) -> None:
    data = to_json(ours())
    with pytest.raises(CertificateError, match="field 'extra' is unknown"):
        Certificate.parse(sealed({**data, "extra": 1}))
    data.pop("bound")
    with pytest.raises(CertificateError, match="field 'bound' is missing"):
        Certificate.parse(sealed(data))
    for text in ("", "[]", "NaN", '{"bound": NaN}', "{" * 50_000):
        with pytest.raises(CertificateError, match="no JSON"):
            Certificate.parse(text)
    with pytest.raises(CertificateError, match="No such file"):
        Certificate.load(tmp_path / "absent")
    (tmp_path / "bytes").write_bytes(b"\xff")
    with pytest.raises(CertificateError, match="not UTF-8"):
        Certificate.load(tmp_path / "bytes")
    with pytest.raises(CertificateError, match="cannot be written"):
        replace(ours(), bound=float("nan")).text()


def test_with_a_secret_only_what_was_signed_by_it_is_believed() -> None:
    signed = ours().text("secret")
    assert Certificate.parse(signed, "secret") == Certificate.parse(signed) == ours()
    for text, key in ((signed, "other"), (ours().text(), "secret")):
        with pytest.raises(CertificateError, match=r"signature = .* was not made with the secret"):
            Certificate.parse(text, key)


def test_what_was_made_for_this_is_verified_and_nothing_else() -> None:
    models = {"test:dear": model_fingerprint(DEAR)}
    verify(ours(), models=models, **HERE)
    dearer = {"test:dear": model_fingerprint(replace(DEAR, price=Price(11, 10)))}
    moved = {"test:dear": model_fingerprint(replace(DEAR, base_url="http://127.0.0.1:2"))}
    cases: list[tuple[str, dict[str, Any]]] = [
        (r"expires_at = \d+ was 1\.0 days ago; make a new one", {"now": ours().expires_at + 86_400}),
        ("tenant = 'default', but these are tasks of 'acme'", {"tenant": "acme"}),
        ("gate.space = 's', but 'other' embeds the tasks", {"space": "other"}),
        ("models: 'test:dear' is not in the portfolio; known: a:b", {"models": {"a:b": "0"}}),
        (r"models\.test:dear = .* price, endpoint or abilities changed", {"models": dearer}),
        (r"models\.test:dear = .* price, endpoint or abilities changed", {"models": moved}),
    ]
    for said, changed in cases:
        with pytest.raises(CertificateError, match=f"certificate {ours().id[:8]}: {said}"):
            verify(ours(), **{**HERE, "models": models, **changed})
    with pytest.raises(CertificateError, match="none is named"):
        verify(replace(ours(), models={}), models=models, **HERE)
    with pytest.raises(CertificateError, match="but its gate's is 'test:dear'"):
        verify(replace(ours(), reference="test:cheap"), models=models, **HERE)
