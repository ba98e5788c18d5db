"""Answers what processes without a ledger ask about permits: commands to ``purista-gateway`` over the event bridge."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from purista.auth.webhook import Signed, verify
from purista.bridges.base import EventBridge, Subscription
from purista.contract.manifest import load_manifest
from purista.contract.schedule import Schedule
from purista.delivery import Closeable, Delivery, Limits, readable
from purista.errors import LedgerError, NotAuthenticated, RegistrationError
from purista.gateway.called import called
from purista.gateway.gateway import Gateway
from purista.messages import Message, command_error, command_success, dump, load
from purista.permits import Begin, End, Spawn, wire
from purista.permits.calls import read_call

__all__ = ["PermitDesk"]

log = logging.getLogger("purista.gateway")
AT_ONCE = 64
Register = Callable[[str, str, Sequence[Schedule], Sequence[tuple[str, str]]], Awaitable[object]]


class PermitDesk:
    """One gateway of a group. With ``keys`` (HMAC) only signed asks are answered; without them, whoever the broker lets send
    to this queue may ask: restrict that there. ``register`` takes the contracts of services without a ledger.
    """

    def __init__(
        self,
        bridge: EventBridge,
        gateway: Gateway,
        *,
        instance: str,
        group: str = "default",
        keys: Sequence[bytes] = (),
        register: Register | None = None,
    ) -> None:
        self._register = register
        self._bridge, self._gateway, self._instance, self._keys = bridge, gateway, instance, tuple(keys)
        self._address = wire.address_of(group)
        self._open: Closeable | None = None

    async def start(self) -> None:
        """Take asks."""
        self._open = await self._bridge.subscribe(
            Subscription(self._address, None, Limits(concurrency=AT_ONCE)), self._take
        )

    async def stop(self, *, drain: bool = True) -> None:
        """Take none any more."""
        opened, self._open = self._open, None
        if opened is not None:
            await opened.close(drain=drain)

    async def _take(self, delivery: Delivery) -> None:
        try:
            message = load(delivery.body)
            body = message["payload"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            await delivery.dead(readable(f"expected an ask about a permit, got something else: {error}"))
            return
        if delivery.attempt > delivery.max_attempts:
            await delivery.dead("asked that often, and never answered to the end")
            return
        try:
            answer = await self._answered(message, body)
        except (KeyError, TypeError, AttributeError) as error:  # nobody can be answered: it has no sender
            await delivery.dead(readable(f"expected an ask about a permit, got something else: {error}"))
            return
        await self._bridge.publish([answer])
        await delivery.ack()

    async def _answered(self, message: Message, body: Any) -> Message:
        now = self._gateway.ledger.clock.now()
        try:
            ask = body.get("payload") if isinstance(body, dict) else None
            self._authenticate(message, body, ask, now)
            return command_success(message, wire.write_answer(await self._act(ask)), self._instance, now)
        except NotAuthenticated:
            log.warning("an ask that nobody we know has signed", extra={"action": "ask_refused"})
            return command_error(message, self._instance, now, status=401, text="not authenticated", handled=True)
        except (ValueError, RecursionError) as error:
            return command_error(message, self._instance, now, status=400, text=readable(str(error)), handled=True)
        except RegistrationError as error:
            return command_error(message, self._instance, now, status=409, text=readable(str(error)), handled=True)
        except LedgerError as error:
            log.warning("cannot answer an ask: %s", error, extra={"action": "ask_failed"})
            return command_error(
                message, self._instance, now, status=503, text="the ledger does not answer", handled=True
            )

    def _authenticate(self, message: Message, body: Any, ask: Any, now: int) -> None:
        if not self._keys:
            return
        parameter = body.get("parameter") if isinstance(body, dict) else None
        if not isinstance(parameter, dict):
            raise NotAuthenticated("the ask is not signed")
        signed = Signed(str(message.get("id")), str(parameter.get("timestamp")), str(parameter.get("signature")))
        verify(signed, dump(ask).encode(), self._keys, now)

    async def _registered(self, ask: dict[str, Any]) -> bool:
        if self._register is None:
            return False
        service, version, manifest, wanted = (ask.get(n) for n in ("service", "version", "manifest", "subscriptions"))
        if not (isinstance(service, str) and isinstance(version, str) and isinstance(manifest, str)):
            raise ValueError("expected service, version and manifest as texts")  # noqa: TRY004
        if not isinstance(wanted, list) or not all(_is_pair(pair) for pair in wanted):
            raise ValueError("subscriptions: expected a list of [event, address]")
        schedules = load_manifest(manifest).schedules
        await self._register(service, version, schedules, [(event, address) for event, address in wanted])
        return True

    async def _act(self, ask: Any) -> Any:
        if isinstance(ask, dict) and ask.get("ask") == "register":
            return await self._registered(ask)
        if isinstance(ask, dict) and ask.get("ask") == "call":
            return await called(self._gateway, read_call(ask, "bridge"))
        kind, key, run, rest = wire.read_ask(ask)
        gateway = self._gateway
        if kind == "complete":
            return await gateway.complete(key, run, rest["state"], rest["cause"])
        if run is None:
            raise ValueError("run: expected a text, got none")
        if kind == "begin":
            return await gateway.begin(key, Begin(run, **rest))
        if kind == "renew":
            return await gateway.renew(key, run, **rest)
        if kind == "spawn":
            return await gateway.spawn(key, Spawn(run, **rest))
        return await gateway.end(key, End(run, **rest))


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)
