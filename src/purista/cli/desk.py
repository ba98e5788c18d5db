"""What a command works on: a ledger, and the gateway that acts through it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from purista.assembly import Assembly
from purista.cli.exits import CONFIG, Stop
from purista.cli.output import Output
from purista.gateway.gateway import Gateway
from purista.ledgers.base import Ledger

__all__ = ["Desk", "heading"]


@dataclass(frozen=True, slots=True)
class Desk:
    """An open ledger. ``bridge`` is the app's, not started, where it carries what the ledger decides."""

    ledger: Ledger
    bridge: Assembly | None = None

    @asynccontextmanager
    async def acting(self) -> AsyncIterator[Gateway]:
        """A gateway that can publish.

        :raises Stop: the ledger leaves carrying to a broker, and no app says which.
        """
        if self.bridge is not None:
            async with self.bridge:
                yield self.bridge.gateway
            return
        if not self.ledger.transactional:
            raise Stop(
                CONFIG,
                "expected an app, whose bridge carries what is decided, got a ledger alone; write --app billing:app",
            )
        yield Gateway(self.ledger)


def heading(ledger: Ledger, out: Output) -> None:
    """Whose ledger this is, where it is not everybody's first one: two environments look alike."""
    if not out.as_json and ledger.environment not in ("", "default"):
        out.line(f"environment {ledger.environment}", "bold")
