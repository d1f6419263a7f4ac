"""`create_app`: the whole server as one Starlette app."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from orchestrator_graph.drive import ASYNC
from orchestrator_graph.orchestrator import Orchestrator
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.surfaces.server.endpoint import Completions, problem_response
from orchestrator_graph.surfaces.server.errors import RefusedError
from orchestrator_graph.surfaces.server.keys import Keys
from orchestrator_graph.surfaces.server.metrics import Metrics
from orchestrator_graph.surfaces.server.names import known_names, named

__all__ = ["create_app"]

Endpoint = Callable[[Request], Awaitable[Response]]
SERVED = "POST /v1/chat/completions, GET /v1/models, /v1/models/NAME, /healthz, /metrics"


def create_app(orchestrator: Orchestrator, keys: Keys | None = None, *, closes: bool = False) -> Starlette:
    """The server as an ASGI app, to run or to mount into another one.

    Args:
        orchestrator: Who decides; its policy and budgets hold for all requests.
        keys: Who may ask, such as `Keys.of(config.server_keys)`; none = everybody who reaches it, web pages from
            elsewhere excepted.
        closes: Close the orchestrator when the server ends (a mounted app is not told of that).
    """
    metrics, keys = Metrics(), keys or Keys()

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        yield
        if closes:
            await orchestrator.aclose()

    completions = Completions(orchestrator, keys, metrics)
    routes = [
        Route("/v1/chat/completions", completions, methods=["POST"]),
        *(Route(path, _guarded(keys, endpoint)) for path, endpoint in _read(orchestrator, metrics).items()),
        Route("/healthz", _healthy),
    ]
    return Starlette(routes=routes, lifespan=life, exception_handlers={HTTPException: _elsewhere})


def _read(orchestrator: Orchestrator, metrics: Metrics) -> dict[str, Endpoint]:
    """What may be looked at, by path."""

    async def models(_: Request) -> Response:
        portfolio = await _pool(orchestrator)
        data = [_model(name, portfolio) for name in known_names(portfolio)]
        return JSONResponse({"object": "list", "data": data})

    async def model(request: Request) -> Response:
        portfolio, name = await _pool(orchestrator), request.path_params["name"]
        named(name, portfolio)
        return JSONResponse(_model(name, portfolio))

    async def counters(_: Request) -> Response:
        return Response(metrics.text(), media_type=metrics.CONTENT_TYPE)

    return {"/v1/models": models, "/v1/models/{name:path}": model, "/metrics": counters}


async def _healthy(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _guarded(keys: Keys, endpoint: Endpoint) -> Endpoint:
    async def checked(request: Request) -> Response:
        try:
            keys.caller(request.headers)
            return await endpoint(request)
        except Exception as error:  # noqa: BLE001 - a caller is told in OpenAI's words, whatever it was
            return problem_response(error)

    return checked


async def _pool(orchestrator: Orchestrator) -> Portfolio:
    return await orchestrator.gateway.portfolio(ASYNC)


def _model(name: str, portfolio: Portfolio) -> Mapping[str, Any]:
    owner = portfolio[name].provider if name in portfolio else "orchestrator"
    return {"id": name, "object": "model", "created": 0, "owned_by": owner}


async def _elsewhere(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - nothing else is handled here
    status = error.status_code
    told = f"{request.method} {request.url.path} is not served here. Served: {SERVED}"
    response = problem_response(RefusedError(status, told, code="not_found" if status == 404 else "method_not_allowed"))
    response.headers.update(error.headers or {})  # Allow
    return response
