"""What a command works on: a ledger, and the gateway that acts through it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from purista.assembly import Assembly
from purista.cli.exits import CONFIG, Stop
from purista.cli.output import Output
from purista.errors import BridgeError
from purista.gateway.gateway import Gateway
from purista.ledgers.base import Ledger, Outgoing
from purista.service.builder import ServiceBuilder

__all__ = ["Desk", "heading"]


class _Left:
    """Publishes nothing, and says so: each claim is given back, and whoever sweeps takes it up."""

    async def publish_raw(self, messages: Sequence[Outgoing]) -> list[Exception | None]:
        return [BridgeError("left to the gateways: this command has no broker") for _ in messages]


@dataclass(frozen=True, slots=True)
class Desk:
    """An open ledger. ``bridge`` is the app's, not started, where it carries what the ledger decides; ``services`` are the
    app's, then."""

    ledger: Ledger
    bridge: Assembly | None = None
    services: Sequence[ServiceBuilder] = ()

    @asynccontextmanager
    async def acting(self, *, publishes: bool = True) -> AsyncIterator[Gateway]:
        """A gateway that can publish. Where it seldom has to (``publishes=False``), no broker is needed: what it decides for
        publication all the same is left to the gateways that run, which send it within a minute.

        :raises Stop: the ledger leaves carrying to a broker, and no app says which.
        """
        if not publishes and not self.ledger.transactional:
            yield Gateway(self.ledger, publisher=_Left())
            return
        if self.bridge is not None:
            async with self.bridge:
                yield self.bridge.gateway
            return
        if not self.ledger.transactional:
            kind = str(getattr(self.ledger, "place", "a file")).partition(",")[0]
            why = f"this ledger is {kind}, so a broker carries messages"
            if kind == "a file":
                why = "a broker carries the messages of this ledger"
            raise Stop(CONFIG, f"{why}; name the app: --app MODULE:ATTR")
        yield Gateway(self.ledger)


def heading(ledger: Ledger, out: Output) -> None:
    """Whose ledger this is, where it is not everybody's first one: two environments look alike."""
    if not out.as_json and ledger.environment not in ("", "default"):
        out.line(f"environment {ledger.environment}", "bold")
