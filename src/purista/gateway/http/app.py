"""The ASGI app: one way for every operation. Size, then who, then words, then rights, then the decision."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from purista import metrics
from purista.auth.credentials import Caller, Credentials
from purista.errors import (
    KeysUnavailable,
    LedgerError,
    MissingExtra,
    NotAllowed,
    NotAuthenticated,
    UnknownSchedule,
)
from purista.gateway.gateway import Gateway
from purista.gateway.http.acts import Asked
from purista.gateway.http.answers import Answered, fault
from purista.gateway.http.config import GatewayConfig, read_config
from purista.gateway.http.dev import dev_caller
from purista.gateway.http.limits import Failures, Rates, Remembered
from purista.gateway.http.openapi import document as openapi
from purista.gateway.http.operations import OPERATIONS, Operation
from purista.gateway.http.pushes import PATH as PUSHES
from purista.gateway.http.pushes import push
from purista.gateway.http.ready import BESIDE, Probe, Readiness
from purista.gateway.http.request import Gone, NotRead, body_of, key_of, presented, shaped

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["Behind", "HttpGateway", "http_gateway"]

log = logging.getLogger("purista.gateway.http")
BUSY_MS = 1_000
DOWN_MS = 5_000
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Behind(Protocol):
    """What an HTTP gateway stands in front of: a bridge with its gateway, such as ``app.bridge``."""

    gateway: Gateway

    async def health(self) -> Any:
        """Whether messages flow (``.ok``)."""
        ...


def http_gateway(
    bridge: Behind, *, config: GatewayConfig | Mapping[str, Any] | str | Path, dev: bool = False
) -> HttpGateway:
    """An ASGI app in front of a bridge, to be served or mounted. Whoever mounts it starts and stops the bridge.

    :param config: the file (or the table in it) that names the credentials; see docs/http.md.
    :param dev: everybody on this machine may do everything; for development.
    :raises purista.errors.InvalidGateway: without credentials, or with some that must not be used.
    :raises purista.errors.MissingExtra: Starlette is not installed.
    """
    clock = bridge.gateway.ledger.clock
    found = config if isinstance(config, GatewayConfig) else read_config(config, clock=clock, dev=dev)
    return HttpGateway(bridge.gateway, found, probes={"bridge": _flows(bridge)})


def _flows(bridge: Behind) -> Probe:
    async def flows() -> bool:
        return bool((await bridge.health()).ok)

    return flows


class HttpGateway:
    """An ASGI app in front of a gateway. Requests share nothing but counters; ``reload`` changes who may call, at once."""

    def __init__(self, gateway: Gateway, config: GatewayConfig, *, probes: Mapping[str, Probe] | None = None) -> None:
        config.refuse_open()
        self.gateway, self.config = gateway, config
        clock = gateway.ledger.clock
        self.failures = Failures(config.limits.failures_per_minute, clock)
        self._rates = Rates(config.limits.per_minute, clock)
        self._remembered = Remembered(clock, config.window_ms)
        self._in_flight = 0
        self.reload(config)
        self._ready = Readiness(gateway.ledger, {**(probes or {}), "keys": self._keys})
        self._app = self._starlette()
        metrics.enable()

    def reload(self, config: GatewayConfig) -> None:
        """Other credentials from now on. What is not among them is refused from the next request on."""
        config.refuse_open()
        self.config = config
        self._credentials = Credentials(config.credentials, clock=self.gateway.ledger.clock, window_ms=config.window_ms)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        await self._app(scope, receive, send)

    def _starlette(self) -> Starlette:
        try:
            from starlette.applications import Starlette  # noqa: PLC0415 - an extra
            from starlette.exceptions import HTTPException  # noqa: PLC0415
            from starlette.routing import Route  # noqa: PLC0415
        except ImportError:
            raise MissingExtra("the HTTP gateway", "http") from None
        routes = [Route(one.path, self._gate(self._asks(one)), methods=[one.method]) for one in OPERATIONS]
        routes += [
            Route("/health", self._health, methods=["GET"]),
            Route("/ready", self._readiness, methods=["GET"]),
            Route("/openapi.json", self._openapi, methods=["GET"]),
            Route(PUSHES, self._gate(self._push), methods=["POST"]),
        ]
        app = Starlette(routes=routes, exception_handlers={HTTPException: self._not_routed})
        app.router.redirect_slashes = False
        return app

    def _gate(self, answer: Callable[[Request], Awaitable[Answered]]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            if self._in_flight >= self.config.limits.in_flight:
                return respond(fault(503, retry_after_ms=BUSY_MS), close=True)
            self._in_flight += 1
            try:
                return respond(await answer(request))
            except NotRead as stop:
                return respond(stop.answered, close=True)
            except Gone:
                return respond(fault(400), close=True)
            finally:
                self._in_flight -= 1

        return endpoint

    def _asks(self, operation: Operation) -> Callable[[Request], Awaitable[Answered]]:
        async def answer(request: Request) -> Answered:
            return await self._let_in(request, lambda body, caller: self._known(request, operation, body, caller))

        return answer

    async def _push(self, request: Request) -> Answered:
        """Only where the configuration names subscriptions."""
        subscriptions = self.config.subscriptions
        if not subscriptions:
            return fault(404, "there is nothing at this address")
        return await self._let_in(
            request, lambda body, caller: self._safely(push(self.gateway, caller, body, subscriptions))
        )

    async def _let_in(self, request: Request, then: Callable[[bytes, Caller], Awaitable[Answered]]) -> Answered:
        body = await body_of(request, self.config.limits)
        try:
            caller = await self._caller(request, body)
        except (NotAuthenticated, NotAllowed) as error:
            return self._refused(error)
        except KeysUnavailable:
            return fault(503, retry_after_ms=DOWN_MS)
        wait = self._rates.wait_ms(caller.grant.id)
        if wait:
            return fault(429, retry_after_ms=wait)
        return await then(body, caller)

    async def _caller(self, request: Request, body: bytes) -> Caller:
        if self.config.dev:
            return dev_caller(request)
        return await self._credentials.caller(presented(request, body))

    def _refused(self, error: NotAuthenticated | NotAllowed) -> Answered:
        """Counted, never written down: else everybody could fill the disk."""
        if self.failures.note(str(error)):
            return fault(429, retry_after_ms=60_000)
        if isinstance(error, NotAllowed):
            return fault(403)
        return fault(400 if error.malformed else 401)

    async def _known(self, request: Request, operation: Operation, body: bytes, caller: Caller) -> Answered:
        """The caller is known from here on: what is wrong is said in words."""
        key = key_of(request.path_params) if operation.keyed else ""
        words, query = shaped(request, operation, body, caller, key)
        grant = caller.grant
        if operation.scope not in grant.scopes or (operation.keyed and not grant.covers(key)):
            return self._refused(NotAllowed(f"{grant.id} may not do that"))
        if operation.once and self._remembered.before(grant.id, caller.message):
            return _before(key)
        if operation.once:
            self._remembered.begin(grant.id, caller.message)
        answered = await self._safely(operation.act(Asked(self.gateway, caller, key, words, query)))
        if operation.once and answered.status >= 400:
            self._remembered.failed(grant.id, caller.message)
        return answered

    async def _safely(self, acting: Awaitable[Answered]) -> Answered:
        try:
            return await acting
        except UnknownSchedule:
            return fault(404)
        except LedgerError as error:
            log.warning("the ledger cannot answer: %s", error, extra={"action": "ledger_down"})
            return fault(503, retry_after_ms=DOWN_MS)
        except Exception:
            log.exception("cannot answer", extra={"action": "failed"})
            return fault(500)

    async def _keys(self) -> bool:
        return await self._credentials.ready()

    async def _health(self, _: Request) -> Response:
        return respond(Answered(200, {"status": "ok"}))

    async def _readiness(self, _: Request) -> Response:
        checks = await self._ready.checks()
        ready = all(stands for name, stands in checks.items() if name not in BESIDE)
        return respond(Answered(200 if ready else 503, {"ready": ready, "checks": checks}, None if ready else DOWN_MS))

    async def _openapi(self, _: Request) -> Response:
        return respond(Answered(200, openapi()))

    async def _not_routed(self, _: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 404)
        detail = "there is nothing at this address" if status == 404 else None
        headers = {
            name: value for name, value in (getattr(error, "headers", None) or {}).items() if name.lower() == "allow"
        }
        return respond(fault(status if status in (404, 405) else 400, detail), close=True, headers=headers)


def _before(key: str) -> Answered:
    nothing = {"by": None, "reason": None, "since": None, "until": None, "published": 0, "left": False}
    return Answered(200, {"schedule": key, "answer": "duplicate", **nothing})


def respond(answered: Answered, *, close: bool = False, headers: Mapping[str, str] | None = None) -> Response:
    """As HTTP. ``close``: the connection ends, for what was not read of the request could be taken for another one."""
    from starlette.responses import Response  # noqa: PLC0415 - an extra

    told = {"cache-control": "no-store", **(headers or {})}
    if answered.retry_after is not None:
        told["retry-after"] = answered.retry_after
    if answered.status == 401:
        told["www-authenticate"] = "Bearer"
    if close:
        told["connection"] = "close"
    text = answered.document if isinstance(answered.document, str) else json.dumps(answered.document)
    return Response(text, answered.status, told, answered.media)
