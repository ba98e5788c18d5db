"""For tests, of users and of purista itself: virtual time, a world for an app, contract suites for adapters, strategies.

Nothing but tests imports this package. Names are loaded when first used: the pytest plugin lives here, and must cost
nothing to those who do not use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from purista.testing.clock import ManualClock as ManualClock
    from purista.testing.clock import SharedClock as SharedClock
    from purista.testing.loop import TimeLoop as TimeLoop
    from purista.testing.loop import travel as travel
    from purista.testing.loop import virtual_time as virtual_time
    from purista.testing.sync import PuristaWorld as PuristaWorld
    from purista.testing.world import World as World

_HOME = {
    "ManualClock": "purista.testing.clock",
    "PuristaWorld": "purista.testing.sync",
    "SharedClock": "purista.testing.clock",
    "TimeLoop": "purista.testing.loop",
    "World": "purista.testing.world",
    "travel": "purista.testing.loop",
    "virtual_time": "purista.testing.loop",
}

__all__ = ["ManualClock", "PuristaWorld", "SharedClock", "TimeLoop", "World", "travel", "virtual_time"]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'purista.testing' has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - paid by those who use a name

    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
