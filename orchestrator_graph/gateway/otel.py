"""The app's own OpenTelemetry providers, looked up at each use: none of ours, nothing imported, nothing configured.

That the API was imported says nothing (Chroma imports it): only a provider that the app has set switches us on.
"""

import sys
from typing import Any

__all__ = ["SCOPE", "meter", "tracer"]

SCOPE = "orchestrator_graph"
"""Name of our instrumentation scope."""


def tracer() -> Any:
    """A tracer of the app's provider; `None` where it has set none."""
    found = _provider("opentelemetry.trace", "get_tracer_provider")
    return None if found is None else found.get_tracer(SCOPE)


def meter() -> Any:
    """A meter of the app's provider; `None` where it has set none."""
    found = _provider("opentelemetry.metrics", "get_meter_provider")
    return None if found is None else found.get_meter(SCOPE)


def _provider(api: str, getter: str) -> Any:
    """The API's own providers do nothing, and its meters are kept for ever: they are never asked."""
    get = getattr(sys.modules.get(api), getter, None)  # absent, too, while another thread imports the module
    if get is None:
        return None
    provider = get()
    module = type(provider).__module__
    return None if module == api or module.startswith(f"{api}.") else provider
