"""``purista export temporal``, ``purista apply temporal`` and ``purista temporal worker``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from purista.app import App
from purista.cli.configure import apply_own, rendered, shown
from purista.cli.exits import CONFIG, OK, UNAVAILABLE, USAGE, Stop
from purista.cli.find import Session
from purista.cli.output import Output
from purista.cli.signals import Stopping, logging_to_stderr, on_signals
from purista.clock import to_iso
from purista.contract.rules import validate_app
from purista.errors import UnknownSchedule
from purista.gateway.backfill import slots
from purista.gateway.documents import run_document
from purista.gateway.gateway import Gateway, Reply
from purista.gateway.plan import Answer
from purista.ledgers.base import Decision, Query
from purista.schedulers.base import Call, CallKind
from purista.schedulers.ended import PAGE, ended_in, page_of
from purista.schedulers.temporal import TemporalScheduler
from purista.schedulers.temporal.place import queue_of
from purista.schedulers.temporal.scheduler import opening
from purista.schedulers.temporal.worker import Ended, Told, Trigger, serve
from purista.settings import Settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from purista.schedulers.remote import Heard, Remote

__all__ = ["Server", "Way", "apply", "export", "over_http", "within", "worker"]

log = logging.getLogger("purista.worker")
THREADS = 32
"""Calls over HTTP at once: each waits in a thread."""


@dataclass(frozen=True, slots=True)
class Server:
    """Which Temporal server, and which queue of it."""

    address: str
    namespace: str
    task_queue: str | None
    tls: bool = False
    api_key: str | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """How calls reach a gateway: its address, or the ledger of a file or an app."""

    gateway: str | None
    secret: str | None = None
    token: str | None = None
    ledger: str | None = None
    app: str | None = None


def export(session: Session, app: App, out: Output, *, task_queue: str | None, directory: Path | None) -> int:
    """Print the schedules as JSON, or write them into ``directory``. Findings go to stderr.

    :raises Stop: a file cannot be written.
    """
    validate_app(app.services)
    own = app.bridge.scheduler
    mine = (
        own if isinstance(own, TemporalScheduler) and task_queue is None else TemporalScheduler(task_queue=task_queue)
    )
    files, findings = rendered(app, mine.at(session.clock.now() // 1000).dialect, ledger_id="")
    return shown(out, files, findings, directory)


async def apply(app: App, out: Output) -> int:
    """Register every service of the app and change what is live in Temporal, by the app's own scheduler.

    :raises Stop: the app's bridge has another scheduler, or none.
    :raises purista.errors.RegistrationError: the server could not be changed.
    """
    return await apply_own(
        app, out, TemporalScheduler, "write AmqpBridge(…, scheduler=TemporalScheduler('localhost:7233'))"
    )


async def worker(session: Session, out: Output, *, server: Server, way: Way, stopping: Stopping | None = None) -> int:
    """Work what schedules start until a signal.

    :raises Stop: the server is not in reach, or nothing says where the gateway is.
    """
    stopping = stopping or Stopping()
    connect = opening(server.address, namespace=server.namespace, tls=server.tls, api_key=server.api_key)
    with logging_to_stderr(as_json=out.as_json), on_signals(stopping):
        async with _way(session, way) as (trigger, ended, environment):
            queue = server.task_queue or queue_of(environment)
            client = await _connected(connect(), server.address)
            log.info("started: queue %s of %s", queue, server.address, extra={"action": "started"})
            await serve(client, queue, trigger, stopping.wait, ended)
        log.info("stopped: queue %s", queue, extra={"action": "stopped"})
    return OK


async def _connected(opened: Any, address: str) -> Client:
    try:
        client: Client = await opened
    except RuntimeError as error:  # what the SDK raises for a server that is not there
        raise Stop(UNAVAILABLE, f"expected a Temporal server at {address}, got none: {str(error)[:300]}") from error
    return client


@asynccontextmanager
async def _way(session: Session, way: Way) -> AsyncIterator[tuple[Trigger, Ended, str]]:
    """What a call is handed to, what says how its run ended, and whose environment that is.

    :raises Stop: both ways are named, or an address or credential must not be used.
    """
    settings = Settings.read()
    if way.gateway is None:
        if way.secret or way.token:
            raise Stop(USAGE, "expected --gateway with --secret or --token, got none; write --gateway URL")
        async with session.desk(way.ledger, way.app, writes=True) as desk, desk.acting() as gateway:
            yield within(gateway), recorded(gateway), desk.ledger.environment
        return
    if way.ledger or way.app:
        raise Stop(USAGE, "expected --gateway, or --app or --ledger, got both; leave out one")
    from purista.schedulers.remote import RemoteFault, remote_of  # noqa: PLC0415 - only for calls over HTTP

    named = way.secret or way.token
    secret, token = (way.secret, way.token) if named else (settings.gateway_secret, settings.gateway_token)
    try:
        remote, warnings = remote_of(way.gateway, secret, token, session.clock.now)
    except RemoteFault as error:
        raise Stop(CONFIG, str(error)) from error
    for warning in warnings:
        log.warning("%s", warning)
    yield over_http(remote), read_over_http(remote), settings.environment


def over_http(remote: Remote) -> Trigger:
    """One attempt at the gateway for each of Temporal's: its history shows them, its retry policy says when."""

    async def trigger(call: Call) -> Told:
        operation, document = _asked(call)
        return _heard(await _threaded(remote.ask, operation, call.key, document, 0))

    return trigger


def read_over_http(remote: Remote) -> Ended:
    """By the newest page of a schedule's history, which takes a token: a signature covers a body, and reads have none."""
    from purista.schedulers.remote import path_of  # noqa: PLC0415 - only for calls over HTTP

    async def ended(call: Call) -> tuple[bool, str] | None:
        heard = await _threaded(remote.read, f"{path_of(call.key, 'history')}?{page_of(call.scheduled_at)}", 0)
        if heard.status in (401, 403):
            raise PermissionError("expected --token with the scope history, to wait for runs; got a caller without it")
        if heard.status != 200:
            return None  # looked at again
        return ended_in(heard.document.get("occurrences", ()), call.kind, at=call.scheduled_at, request=call.request)

    return ended


def recorded(gateway: Gateway) -> Ended:
    """By the ledger's own records."""

    async def ended(call: Call) -> tuple[bool, str] | None:
        at = call.scheduled_at
        page = await gateway.ledger.history(
            Query(key=call.key, limit=PAGE, start=at, end=None if at is None else at + 1)
        )
        return ended_in(map(run_document, page.rows), call.kind, at=at, request=call.request)

    return ended


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="purista-call")


async def _threaded(act: Callable[..., Heard], *given: Any) -> Heard:
    return await asyncio.get_running_loop().run_in_executor(_threads(), partial(act, *given))


def _asked(call: Call) -> tuple[str, dict[str, Any]]:
    at = call.scheduled_at
    if call.kind is CallKind.MANUAL:
        return "run", {"request": call.request}
    if call.kind is CallKind.REPLAY and at is not None:
        return "backfill", {"from": to_iso(at), "to": to_iso(at + 1), "max": 1}
    return "trigger", {} if at is None else {"scheduledAt": to_iso(at)}


def _heard(heard: Heard) -> Told:
    told, status = heard.document, heard.status
    word = str(told.get("answer") or told.get("error") or ("unavailable" if status == 0 else status))
    detail = str(told.get("detail") or heard.fault or f"status {status}")
    if 200 <= status < 300:
        if "published" in told and "answer" not in told:  # a backfill of one slot
            if told.get("left"):
                return Told("retry", "a run is open", again=True)
            filled = bool(told["published"])
            return Told("filled" if filled else "nothing to fill", "backfill", published=filled)
        if "answer" not in told:  # a page of somebody else's: a proxy that wants a login
            return Told("unavailable", f"expected a gateway's answer, got status {status} without one", again=True)
        return Told(word, detail, published=bool(told.get("published")) or word == "duplicate")
    lasting = 400 <= status < 500 and status not in (408, 425, 429)
    return Told(word, detail, again=not lasting, refused=lasting)


def within(gateway: Gateway) -> Trigger:
    """Straight into a gateway of this process."""

    async def trigger(call: Call) -> Told:
        if call.kind is CallKind.REPLAY:
            return await _filled(gateway, call)
        return _told(await gateway.trigger(call))

    return trigger


def _told(reply: Reply) -> Told:
    again, refused = reply.answer is Answer.RETRY, reply.answer is Answer.REFUSED
    # A duplicate may be this call, whose answer was lost: its run is waited for all the same.
    published = reply.answer is Answer.DUPLICATE or any(row.decision is Decision.PUBLISHED for row in reply.rows)
    return Told(str(reply.answer), reply.detail, again, refused, reply.retry_after_ms, published)


async def _filled(gateway: Gateway, call: Call) -> Told:
    """A slot whose work is still to be done, and no other: a backfill in Temporal names those that ran, too."""
    at = call.scheduled_at or 0
    # First what is due is decided by its own policies, as every way into a gateway does: a slot that nobody decided is no gap.
    due = await gateway.trigger(Call(call.key, source=call.source))
    if due.answer is Answer.RETRY:
        return _told(due)
    try:
        found = [slot async for slot in slots(gateway.ledger, call.key, at, at + 1)]
    except UnknownSchedule as error:
        return Told("unknown", str(error), refused=True)
    for slot in found:
        if slot.state.fillable:
            return _told(await gateway.trigger(Call(call.key, CallKind.REPLAY, at, slot.request, call.source)))
    return Told("nothing to fill", str(found[0].state) if found else "not an occurrence of this schedule")
