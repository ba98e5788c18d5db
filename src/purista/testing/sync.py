"""A world for tests that are plain functions: it brings its own loop."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Coroutine
from typing import Any, TypeVar

from purista.app import App
from purista.gateway.gateway import Reply
from purista.simulation.loop import TimeLoop
from purista.testing.world import Instant, World

__all__ = ["PuristaWorld"]

T = TypeVar("T")


class PuristaWorld:
    """A :class:`~purista.testing.world.World` whose waiting methods just return. Everything else is the world's own.

    ::

        with PuristaWorld(app) as world:
            world.run(days=365)
            world.assert_published("monthlyBillingCycle", times=12)
    """

    def __init__(self, app: App, **options: Any) -> None:
        self._runner = asyncio.Runner(loop_factory=TimeLoop)
        self.app = app
        self.world = self.do(_started(app, options))

    def __enter__(self) -> PuristaWorld:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.world, name)

    def close(self) -> None:
        """End the world."""
        try:
            self.do(self.world.stop())
        finally:
            self._runner.close()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for something in the world: ``world.do(world.ledger.registered())``."""
        return self._runner.run(work)

    def run(self, for_: dt.timedelta | None = None, **units: float) -> None:
        """See :meth:`World.run`."""
        self.do(self.world.run(for_, **units))

    def run_until(self, at: Instant) -> None:
        """See :meth:`World.run_until`."""
        self.do(self.world.run_until(at))

    def crash(self, *names: str, down: dt.timedelta | None = None, **units: float) -> None:
        """See :meth:`World.crash`."""
        self.do(self.world.crash(*names, down=down, **units))

    def jump(self, delta: dt.timedelta | None = None, **units: float) -> None:
        """See :meth:`World.jump`."""
        self.world.jump(delta, **units)

    def call(self, key: str, *, at: Instant | None = None) -> Reply | None:
        """See :meth:`World.call`."""
        return self.do(self.world.call(key, at=at))

    def pause(self, key: str, *, reason: str, until: Instant | None = None) -> None:
        """See :meth:`World.pause`."""
        self.do(self.world.pause(key, reason=reason, until=until))

    def resume(self, key: str) -> None:
        """See :meth:`World.resume`."""
        self.do(self.world.resume(key))


async def _started(app: App, options: dict[str, Any]) -> World:
    world = World(app, **options)
    await world.start()
    return world
