"""`POST /v1/chat/completions`: who asks, what for, within which limits; the answer, or what went wrong."""

import logging
import time
import traceback
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from orchestrator_graph.drive import ASYNC
from orchestrator_graph.errors import OrchestratorError
from orchestrator_graph.orchestrator import Orchestrator
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.surfaces.chat_model import ChatOrchestrator
from orchestrator_graph.surfaces.server.allowed import allowed
from orchestrator_graph.surfaces.server.answering import Answering
from orchestrator_graph.surfaces.server.completions import Wanted
from orchestrator_graph.surfaces.server.errors import RefusedError, problem_of
from orchestrator_graph.surfaces.server.intake import json_of
from orchestrator_graph.surfaces.server.keys import Caller, Keys
from orchestrator_graph.surfaces.server.loops import Loops
from orchestrator_graph.surfaces.server.metrics import NOBODY, Metrics
from orchestrator_graph.surfaces.server.names import named
from orchestrator_graph.surfaces.server.present import GoneError, must_finish, while_there
from orchestrator_graph.surfaces.server.replies import Reply

__all__ = ["Completions", "problem_response"]

LOG = logging.getLogger(__name__)
HUNG_UP = 499
"""What the log and the counters of other servers call it; nobody is there to be told."""


@dataclass(slots=True)
class Completions:
    """The endpoint, an ASGI app of its own: it has to hear when its caller hangs up."""

    orchestrator: Orchestrator
    keys: Keys
    metrics: Metrics
    loops: Loops = field(default_factory=Loops)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        began, answering, status = time.monotonic(), None, HUNG_UP
        with self.metrics.in_flight.track_inprogress():
            try:
                request = Request(scope, receive)
                caller = self.keys.caller(request.headers)
                _check_json(request)
                wanted = Wanted.of(await json_of(request))
                portfolio = await self.orchestrator.gateway.portfolio(ASYNC)
                answering = self._answering(caller, wanted, portfolio)
                await self._answered(answering, portfolio, receive, send)
                status = answering.status
            except (GoneError, ConnectionError):
                status = HUNG_UP
            except Exception as error:  # noqa: BLE001 - a caller is told in OpenAI's words, whatever it was
                response = problem_response(error)
                status = response.status_code
                await response(scope, receive, send)
            finally:
                model = answering.model if answering else NOBODY
                self.metrics.ended(model, status, time.monotonic() - began)

    def _answering(self, caller: Caller, wanted: Wanted, portfolio: Portfolio) -> Answering:
        own, name = self.orchestrator, named(wanted.model, portfolio)
        base = own.policy.overlaid(caller.policy)
        asked = Policy.parse({**wanted.policy, **name.fields})
        limits = allowed(base, asked, keyed=bool(self.keys))
        policy = caller.policy.overlaid(limits)
        if wanted.user and not {"user_id"} & (base.model_fields_set | asked.model_fields_set):
            policy = policy.overlaid(Policy(user_id=wanted.user))
        chat = ChatOrchestrator(own, policy=policy, mode=name.mode)
        reply = Reply(portfolio.fingerprint(), one_call=wanted.one_call)
        return Answering(chat, wanted, caller, self.loops, self.metrics, reply)

    async def _answered(self, answering: Answering, portfolio: Portfolio, receive: Receive, send: Send) -> None:
        def finish() -> bool:
            return must_finish(answering.model, portfolio, self.orchestrator.gateway)

        await while_there(receive, answering.send(send), finish)


def problem_response(error: Exception) -> JSONResponse:
    """What a caller is told; of an error that is not ours the log has the place, not its words: they may be private."""
    problem = problem_of(error)
    if problem.status == 500 and not isinstance(error, OrchestratorError):
        where = "".join(traceback.format_tb(error.__traceback__))
        LOG.error("%s in the server:\n%s", type(error).__name__, where)
    return JSONResponse(problem.body, status_code=problem.status, headers=problem.headers)


def _check_json(request: Request) -> None:
    """Another page's form can post text without asking first, but no JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RefusedError(415, f"content-type: {kind or 'none'}; send application/json", code="unsupported_media_type")
