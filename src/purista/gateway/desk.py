"""Answers what processes without a ledger ask about permits: commands to ``purista-gateway`` over the event bridge."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from purista.auth.webhook import Signed, verify
from purista.bridges.base import EventBridge, Subscription
from purista.delivery import Closeable, Delivery, Limits, readable
from purista.errors import LedgerError, NotAuthenticated
from purista.gateway.gateway import Gateway
from purista.messages import Message, command_error, command_success, dump, load
from purista.permits import Begin, End, Spawn, wire

__all__ = ["PermitDesk"]

log = logging.getLogger("purista.gateway")
AT_ONCE = 64


class PermitDesk:
    """One gateway of a group. With ``keys`` (HMAC) only signed asks are answered; without them, whoever the broker lets send
    to this queue may ask: restrict that there.
    """

    def __init__(
        self,
        bridge: EventBridge,
        gateway: Gateway,
        *,
        instance: str,
        group: str = "default",
        keys: Sequence[bytes] = (),
    ) -> None:
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
        await self._bridge.publish([await self._answered(message, body)])
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

    async def _act(self, ask: Any) -> Any:
        kind, key, run, rest = wire.read_ask(ask)
        gateway = self._gateway
        if kind == "complete":
            return await gateway.complete(key, run, rest["state"])
        if run is None:
            raise ValueError("run: expected a text, got none")
        if kind == "begin":
            return await gateway.begin(key, Begin(run, **rest))
        if kind == "renew":
            return await gateway.renew(key, run, **rest)
        if kind == "spawn":
            return await gateway.spawn(key, Spawn(run, **rest))
        return await gateway.end(key, End(run, **rest))
