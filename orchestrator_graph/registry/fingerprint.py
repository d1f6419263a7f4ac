"""What a certificate remembers of a model: should price, endpoint or abilities change, it was made for another one."""

import hashlib
import json

from orchestrator_graph.registry.spec import ModelSpec

__all__ = ["model_fingerprint"]


def model_fingerprint(spec: ModelSpec) -> str:
    """Sixteen hexadecimal digits of a model's name, place, price per token, context and capabilities.

    When and where a price was read, priors and measured speeds are left out: they move daily and change no answer. A
    provider that puts other weights behind the same name is not noticed here; the monitor of the promise is for that.

    >>> from dataclasses import replace
    >>> from orchestrator_graph.registry.spec import Price
    >>> spec = ModelSpec("openai:gpt-5-mini", price=Price(0.25, 2.0, date="2026-01-01"))
    >>> same, dearer = (replace(spec, price=Price(usd, 2.0, date="2026-02-02")) for usd in (0.25, 0.5))
    >>> model_fingerprint(spec) == model_fingerprint(same), model_fingerprint(spec) == model_fingerprint(dearer)
    (True, False)
    """
    price = spec.price
    facts = [
        spec.id,
        f"{spec.provider}:{spec.name}",
        spec.is_local,
        spec.base_url,
        spec.remote_host,
        None if price is None else [price.input_usd, price.output_usd, price.cached_usd, price.billed],
        spec.context,
        None if spec.capabilities is None else sorted(spec.capabilities),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
