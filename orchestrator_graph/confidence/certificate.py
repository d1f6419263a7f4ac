"""The promise as a value and as a file: who is left for whom, how much that may cost, what it rests on, until when."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from orchestrator_graph.confidence.seal import sealed, unsealed
from orchestrator_graph.errors import CertificateError
from orchestrator_graph.types import to_json

__all__ = ["KEY_VARIABLE", "LIFE_S", "VERSION", "Certificate", "Refusal", "verify"]

VERSION = 1
DAY_S = 86_400.0
LIFE_S = 90 * DAY_S
"""So long a promise holds unless said otherwise: prompts and models drift."""
KEY_VARIABLE = "ORCHESTRATOR_CERTIFICATE_KEY"
"""The environment variable that holds the secret of signatures; read at first use, never at import."""
RENEW = "make a new one: orchestrator certify"


@dataclass(frozen=True, slots=True)
class Refusal:
    """No promise, and what is missing.

    Attributes:
        reason: One plain sentence.
        needed: Kind of label -> about how many more of it.
        cost_nusd: What collecting them is expected to cost, in nano-dollars; `None` where a price is unknown.
        n: Paired labels that there were.
    """

    reason: str
    needed: Mapping[str, int] = field(default_factory=dict)
    cost_nusd: int | None = 0
    n: int = 0


@dataclass(frozen=True, slots=True)
class Certificate:
    """The promise "at most `max_loss` worse than `reference` on average, with this confidence".

    The file carries a hash of its content, which is no signature (see `seal`): give a secret where files may be forged.

    Attributes:
        tenant: Whose tasks it was made on.
        reference: Candidate id of who is measured against.
        max_loss: Points of mean score that may be lost, in (0, 1).
        confidence: Probability in (.5, 1) that a promise made so is kept.
        n: Paired labels behind it.
        bound: Upper bound of the mean loss of the step that was chosen, at most `max_loss`. It was chosen on the same
            labels, so only `max_loss` is promised.
        saving: Share of the reference's cost that was saved on these tasks.
        gate: The policy as JSON (`routing.gate.Gate.to_json`).
        data_fingerprint: Hash of the labels.
        models: Id -> `registry.fingerprint.model_fingerprint` of every model that it speaks of.
        domain: What the tasks were like: `inside` and `deviates`, shares in [0, 1] of the calibration tasks that lie in
            the domain, and for which the gate leaves the reference; and `n` behind these shares.
        created_at: Seconds since the epoch.
        expires_at: The same; by default 90 days after `created_at`.
    """

    id: str
    tenant: str
    reference: str
    max_loss: float
    confidence: float
    n: int
    bound: float
    saving: float
    gate: Mapping[str, Any]
    data_fingerprint: str
    models: Mapping[str, str]
    domain: Mapping[str, Any]
    created_at: float
    expires_at: float = 0.0
    version: int = VERSION

    def __post_init__(self) -> None:
        if not self.expires_at:
            object.__setattr__(self, "expires_at", self.created_at + LIFE_S)

    @property
    def space(self) -> str:
        """Fingerprint of the embedder whose vectors the gate reads."""
        return str(self.gate.get("space", ""))

    def text(self, key: str | None = None) -> str:
        """The file's content; signed where a secret is given."""
        return sealed(to_json(self), key)

    def save(self, path: Path, key: str | None = None) -> None:
        """Writes the file.

        Raises:
            CertificateError: It cannot be written.
        """
        try:
            path.write_text(self.text(key), encoding="utf-8")
        except OSError as error:
            raise CertificateError(f"certificate {path}: {error.strerror}") from None

    @classmethod
    def load(cls, path: Path, key: str | None = None) -> Self:
        """The certificate in a file.

        Raises:
            CertificateError: The file cannot be read, or `parse` refuses what it holds.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise CertificateError(f"certificate {path}: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise CertificateError(f"certificate {path}: not UTF-8 text (byte {error.start})") from None
        return cls.parse(text, key, str(path))

    @classmethod
    def parse(cls, text: str, key: str | None = None, where: str = "") -> Self:
        """The certificate in a text.

        Raises:
            CertificateError: No JSON, changed after it was made, another's signature, another version, or a field that
                is missing, unknown or malformed.
        """
        name = f"certificate {where}".strip()
        data = unsealed(text, name, key)
        if data.get("version") != VERSION:
            raise CertificateError(f"{name}: version = {data.get('version')!r}; this release knows {VERSION}: {RENEW}")
        known = {item.name for item in fields(cls)}
        if odd := sorted(known ^ data.keys()):
            state = "missing" if odd[0] in known else "unknown"
            raise CertificateError(f"{name}: field {odd[0]!r} is {state}; its fields are {', '.join(sorted(known))}")
        for field_name, (kinds, wanted, holds) in FORMS.items():
            value = data[field_name]
            if isinstance(value, bool) or not isinstance(value, kinds) or not holds(value):
                raise CertificateError(f"{name}: {field_name} = {repr(value)[:60]}; it is {wanted}")
        return cls(**data)


_NUMBER = (int, float)
_REAL = (_NUMBER, "a finite number", math.isfinite)
_TEXT = (str, "text that is not empty", bool)
_NAMES = (dict, "a table of texts", lambda x: all(isinstance(item, str) for item in x.values()))
FORMS: Mapping[str, tuple[Any, str, Any]] = {
    "id": _TEXT,
    "tenant": _TEXT,
    "reference": _TEXT,
    "max_loss": (_NUMBER, "a number between 0 and 1", lambda x: 0 < x < 1),
    "confidence": (_NUMBER, "a number between .5 and 1", lambda x: 0.5 < x < 1),
    "n": (int, "a number of labels", lambda x: x > 0),
    "bound": _REAL,
    "saving": _REAL,
    "gate": (dict, "a gate", lambda x: isinstance(x.get("reference"), str) and isinstance(x.get("space"), str)),
    "data_fingerprint": (str, "text", lambda _: True),
    "models": _NAMES,
    "domain": (dict, "a table", lambda _: True),
    "created_at": _REAL,
    "expires_at": _REAL,
    "version": _REAL,
}
"""Field -> what it has to be: types, in words, and a test."""


def verify(certificate: Certificate, *, tenant: str, space: str, models: Mapping[str, str], now: float) -> None:
    """Raises where a certificate was made for something else than what is here now; `parse` finds changed ones.

    Args:
        certificate: Whose promise is to be relied on.
        tenant: Whose tasks it is to hold for.
        space: Fingerprint of the embedder in use.
        models: Id -> `model_fingerprint` of the models in the portfolio.
        now: Seconds since the epoch.

    Raises:
        CertificateError: Names the field, its value and what would be right.
    """
    if problem := _problem(certificate, tenant, space, models, now):
        raise CertificateError(f"certificate {certificate.id[:8]}: {problem}")


def _problem(certificate: Certificate, tenant: str, space: str, models: Mapping[str, str], now: float) -> str:
    expired, portfolio = now - certificate.expires_at, ", ".join(models)
    if expired >= 0:
        return f"expires_at = {certificate.expires_at:.0f} was {expired / DAY_S:.1f} days ago; {RENEW}"
    if tenant != certificate.tenant:
        return f"tenant = {certificate.tenant!r}, but these are tasks of {tenant!r}; {RENEW} --policy tenant={tenant}"
    if space != certificate.space:
        return f"gate.space = {certificate.space!r}, but {space!r} embeds the tasks: use that embedder, or {RENEW}"
    if certificate.gate["reference"] != certificate.reference:
        return f"reference = {certificate.reference!r}, but its gate's is {certificate.gate['reference']!r}; {RENEW}"
    for model, then in certificate.models.items():
        if model not in models:
            return f"models: {model!r} is not in the portfolio; known: {portfolio}. Add it, or {RENEW}"
        if models[model] != then:
            return f"models.{model} = {then!r}, now {models[model]!r}: price, endpoint or abilities changed; {RENEW}"
    return "" if certificate.models else f"models = {{}}: none is named, not even the reference; {RENEW}"
