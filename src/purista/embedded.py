"""One file for everything: the event bridge with ledger, queue, gateway and registrar behind it."""

from __future__ import annotations

from pathlib import Path

from purista.assembly import Assembly, Parts
from purista.bridges.local import LocalBridge
from purista.clock import Clock, SystemClock
from purista.delivery import Limits
from purista.errors import BridgeVolatile
from purista.ledgers.sqlite import SqliteLedger
from purista.queues.sqlite import SqliteQueue
from purista.registration.registrar import Mode, Scheduler
from purista.settings import Settings
from purista.sqlite.file import SqliteFile

__all__ = ["DefaultEventBridge"]


class DefaultEventBridge(Assembly):
    """PURISTA's default event bridge: everything in one SQLite file, shared by all processes of one host.

    Without a path it is volatile: it lives in this process, forgets at the end, and refuses external schedulers.
    ``scheduler`` is configured when a service starts (``registration`` apply, verify or off).
    """

    ledger: SqliteLedger

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        scheduler: Scheduler | None = None,
        environment: str | None = None,
        clock: Clock | None = None,
        revision: int | None = None,
        registration: str | None = None,
        limits: Limits | None = None,
        permit_ms: int | None = None,
        local_runner: bool = False,
        instance: str | None = None,
        file: SqliteFile | None = None,
    ) -> None:
        environment, clock = environment or Settings.read().environment, clock or SystemClock()
        where = ":memory:" if path is None else str(Path(path).resolve())
        self.file = file or SqliteFile(where, environment=environment)  # a simulation gives one of its own
        if scheduler is not None and self.file.volatile:
            raise BridgeVolatile(
                f"expected a durable bridge for the external scheduler {scheduler.name!r}, got one that forgets with its "
                'process; write DefaultEventBridge("purista.db", scheduler=…)'
            )
        parts = Parts(
            LocalBridge(self.file, clock=clock, registered=True),
            SqliteQueue(self.file, clock=clock),
            SqliteLedger(self.file, clock=clock),
        )
        super().__init__(
            parts, clock=clock, environment=environment, scheduler=scheduler, revision=revision, registration=registration,
            limits=limits, permit_ms=permit_ms, local_runner=local_runner, instance=instance,
        )  # fmt: skip

    @property
    def place(self) -> str:
        """The file's path."""
        return self.file.path

    def _placed(self, mode: Mode) -> Scheduler | None:  # noqa: ARG002 - lines that open the file need no gateway
        """The scheduler, told which file its calls must name."""
        place = getattr(self.scheduler, "for_ledger", None)
        if place is None:
            return self.scheduler
        placed: Scheduler = place(self.file.path, self.environment, self.clock.now() // 1000)
        return placed
