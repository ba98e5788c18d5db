"""Permits of a process without a ledger: asked of a group of gateways, as commands over the event bridge."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from purista.auth.webhook import sign
from purista.clock import Clock
from purista.errors import BridgeError, HandlerError, InvokeTimeout, RegistrationError, UnhandledError
from purista.ledgers.base import RunRef, RunState
from purista.messages import Address, Message, command, dump, new_id
from purista.permits import Begin, End, Granted, Refused, Renewed, Spawn, Spawned, Wait, wire
from purista.permits.calls import Told, write_call
from purista.schedulers.base import Call

__all__ = ["RemotePermits"]

log = logging.getLogger("purista.permits")
ANSWER_SECONDS = 5.0
REGISTER_SECONDS = 10.0
REGISTER_TRIES = 6
REPORT_TRIES = 4

Invoke = Callable[[Message, float], Coroutine[Any, Any, Any]]


class RemotePermits:
    """A :class:`~purista.permits.Permits` that asks ``group``. With ``key`` each ask is signed (Standard Webhooks)."""

    transactional = False

    def __init__(
        self, invoke: Invoke, *, instance: str, clock: Clock, group: str = "default", key: bytes | None = None
    ) -> None:
        self._invoke, self._clock, self._key = invoke, clock, key
        self._receiver = Address(wire.SERVICE, wire.VERSION, group)
        self._sender = Address("purista-worker", wire.VERSION, "permits", instance)

    async def begin(self, key: str, ask: Begin) -> Granted | Wait | Refused:
        """See :class:`~purista.permits.Permits`. The permit counts from before the ask: it never lasts longer here."""
        asked = self._clock.now()
        answer = await self._ask(
            wire.write_ask("begin", key, ask.run, part=ask.part, address=ask.address, worker=ask.worker), asked
        )
        granted: Granted | Wait | Refused = _one_of(answer, Granted, Wait, Refused)
        return granted

    async def renew(self, key: str, run: RunRef, part: str, fence: int) -> Renewed | Refused:
        """See :class:`~purista.permits.Permits`."""
        answer = await self._ask(wire.write_ask("renew", key, run, part=part, fence=fence), self._clock.now())
        renewed: Renewed | Refused = _one_of(answer, Renewed, Refused)
        return renewed

    async def spawn(self, key: str, ask: Spawn) -> Spawned:
        """See :class:`~purista.permits.Permits`."""
        body = wire.write_ask(
            "spawn", key, ask.run, part=ask.part, fence=ask.fence, childPart=ask.child.part, childAddress=ask.child.address,
        )  # fmt: skip
        spawned: Spawned = _one_of(await self._ask(body, self._clock.now()), Spawned)
        return spawned

    async def complete(self, key: str, run: RunRef | None, state: RunState, cause: str = "") -> bool:
        """See :class:`~purista.permits.Permits`."""
        body = wire.write_ask("complete", key, run, state=state.value, cause=cause or None)
        return bool(_one_of(await self._report(body), bool))

    async def end(self, key: str, report: End) -> bool:
        """See :class:`~purista.permits.Permits`. A report is durable with the bridge and repeated until it is answered: told
        twice, the second is stale and changes nothing."""
        body = wire.write_ask(
            "end", key, report.run, part=report.part, address=report.address, fence=report.fence,
            outcome=None if report.outcome is None else report.outcome.value, detail=report.detail,
        )  # fmt: skip
        return bool(_one_of(await self._report(body), bool))

    async def call(self, call: Call) -> Told:
        """Have a gateway decide what is due, as a call over HTTP would; asked again until there is an answer: repeated, the
        same call is a duplicate.

        :raises purista.errors.InvokeTimeout: nobody answers.
        :raises purista.errors.BridgeError: a gateway refuses the ask itself: the signature, or its words.
        """
        told: Told = _one_of(await self._report(write_call(call)), Told)
        return told

    async def register(
        self, service: str, version: str, manifest: str, subscriptions: Sequence[tuple[str, str]]
    ) -> bool:
        """Have the gateway register a service version's contracts. False: it does not do that.

        :raises purista.errors.RegistrationError: it refuses, and says why.
        :raises purista.errors.InvokeTimeout: nobody answers.
        """
        body = {"ask": "register", "service": service, "version": version, "manifest": manifest,
                "subscriptions": [list(pair) for pair in subscriptions]}  # fmt: skip
        try:
            return bool(_one_of(await self._report(body, REGISTER_SECONDS, REGISTER_TRIES), bool))
        except BridgeError as error:
            raise RegistrationError(f"{service}/{version} was not registered: {error}") from error

    async def _report(self, body: dict[str, Any], timeout: float = ANSWER_SECONDS, tries: int = REPORT_TRIES) -> Any:
        for left in range(tries - 1, -1, -1):
            try:
                return await self._ask(body, self._clock.now(), timeout)
            except InvokeTimeout:
                if not left:
                    raise
                log.warning(
                    "no gateway of the group %s answers (%s); asked again", self._receiver.target, body["ask"],
                    extra={"action": "report_again"},
                )  # fmt: skip
        raise AssertionError("unreachable")

    async def _ask(self, body: dict[str, Any], now: int, timeout: float = ANSWER_SECONDS) -> Any:
        id_, parameter = new_id(), None
        if self._key is not None:
            seconds = now // 1000
            parameter = {"timestamp": str(seconds), "signature": sign(self._key, id_, seconds, dump(body).encode())}
        message = command(self._receiver, body, parameter, self._sender, id=id_, timestamp=now)
        try:
            return wire.read_answer(await self._invoke(message, timeout), now)
        except ValueError as error:
            raise BridgeError(str(error)) from error
        except (HandlerError, UnhandledError) as error:
            raise BridgeError(f"the gateway does not answer the ask: {error}") from error


def _one_of(answer: Any, *kinds: type) -> Any:
    if not isinstance(answer, kinds):
        expected = " or ".join(kind.__name__ for kind in kinds)
        raise BridgeError(f"expected {expected} of the gateway, got {type(answer).__name__}")
    return answer
