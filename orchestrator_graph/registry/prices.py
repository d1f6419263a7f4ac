"""List prices of cloud models, from the snapshot inside the genai-prices package: never from the network."""

from datetime import UTC, date, datetime
from functools import cache
from importlib import metadata
from typing import Any

from orchestrator_graph.registry.spec import Price

__all__ = ["listed_price"]


@cache
def listed_price(name: str, provider: str | None, base_url: str | None) -> tuple[Price | None, int | None]:
    """Price and context window of a model, each None where the list does not know it.

    Args:
        name: As the provider calls it, dated versions included.
        provider: As genai-prices calls it; None when `base_url` tells.
        base_url: The endpoint, of those that the list knows.
    """
    from genai_prices.data_snapshot import get_snapshot

    snapshot = get_snapshot()
    try:
        _, model = snapshot.find_provider_model(name, None, provider, base_url)
    except LookupError:
        return None, None
    rates = model.get_prices(datetime.now(UTC))
    given, made, cached = (_dollars(getattr(rates, f"{kind}_mtok")) for kind in ("input", "output", "cache_read"))
    if given is None or made is None:
        return None, model.context_window
    source = f"genai-prices {metadata.version('genai-prices')}"
    return Price(given, made, cached, source, _snapshot_date()), model.context_window


def _dollars(rate: Any) -> float | None:
    # Rates that rise with the length of the prompt: the first step is what nearly every call pays.
    rate = getattr(rate, "base", rate)
    return None if rate is None else float(rate)


@cache
def _snapshot_date() -> str:
    """The snapshot carries no date; it was made on or after its latest dated change that is not in the future."""
    from genai_prices.data_snapshot import get_snapshot

    models = (model for provider in get_snapshot().providers for model in provider.models)
    changes = (price for model in models if isinstance(model.prices, list) for price in model.prices)
    days = (getattr(price.constraint, "start_date", None) for price in changes)
    past = [day for day in days if isinstance(day, date) and day <= datetime.now(UTC).date()]
    return max(past).isoformat() if past else ""
