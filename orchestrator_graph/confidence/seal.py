"""JSON that carries a hash of its own content, and on request a signature.

A hash is no signature: it finds a slip of the pen and a broken disk, while whoever may write the file may write a new
hash as well. Where that matters, give a secret: the text then carries an HMAC-SHA256 (RFC 2104) under it, and without
the same secret it is not believed.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, NoReturn

from orchestrator_graph.errors import CertificateError

__all__ = ["sealed", "unsealed"]

HASH, SIGNATURE = "content_hash", "signature"


def sealed(data: Mapping[str, Any], key: str | None = None) -> str:
    """The data as text, with the SHA-256 of its canonical form; signed where a secret is given.

    Raises:
        CertificateError: It holds what JSON has no form for, such as NaN.
    """
    try:
        canonical = _canonical(data)
    except ValueError as error:
        raise CertificateError(f"certificate: cannot be written: {error}") from None
    seals = {HASH: hashlib.sha256(canonical).hexdigest()} | ({SIGNATURE: _signature(canonical, key)} if key else {})
    return json.dumps({**data, **seals}, indent=1, sort_keys=True) + "\n"


def unsealed(text: str, name: str, key: str | None = None) -> dict[str, Any]:
    """What was sealed.

    Args:
        text: As `sealed` made it.
        name: What it is, for messages.
        key: The secret; then a text without a signature, or with another one's, is refused.

    Raises:
        CertificateError: No JSON object, or not what the hash or signature was made of.

    >>> unsealed(sealed({"a": 1}, "secret"), "certificate x", "secret")
    {'a': 1}
    """
    try:
        data = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise CertificateError(f"{name}: no JSON ({error}); give what orchestrator certify wrote") from None
    if not isinstance(data, dict):
        raise CertificateError(f"{name}: {str(data)[:40]!r} is no JSON object; give what orchestrator certify wrote")
    given, signature = data.pop(HASH, None), data.pop(SIGNATURE, None)
    canonical = _canonical(data)
    found = hashlib.sha256(canonical).hexdigest()
    if not _same(given, found):
        raise CertificateError(
            f"{name}: {HASH} = {given!r}, but that of the content is {found!r}: it was changed after it was made; "
            "take the file as it was written, or make a new one: orchestrator certify"
        )
    if key and not _same(signature, _signature(canonical, key)):
        raise CertificateError(
            f"{name}: {SIGNATURE} = {signature!r} was not made with the secret that is set here; "
            "set the one that it was made with, or make a new one: orchestrator certify"
        )
    return data


def _canonical(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _signature(canonical: bytes, key: str) -> str:
    return hmac.new(key.encode(), canonical, hashlib.sha256).hexdigest()


def _same(given: Any, right: str) -> bool:
    return isinstance(given, str) and given.isascii() and hmac.compare_digest(given, right)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")
