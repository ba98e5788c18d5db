"""Where the units will run: the user, the command and the ledger. systemd knows zones, so the host's does not matter."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Place"]

YEAR = 31_556_952


@dataclass(frozen=True, slots=True)
class Place:
    """What a unit needs to know of its host. ``user`` is None for units of a user's own manager.

    ``now`` and the horizon say for which changes of clocks lines are written.
    """

    command: tuple[str, ...]
    ledger: str
    now: int
    user: str | None = None
    horizon_years: int = 12
    single_host: bool = False
    sweep_minutes: int = 5
    gateway: tuple[str, ...] = ()  # arguments that name it, instead of the ledger

    @property
    def until(self) -> int:
        """The end of the horizon (epoch seconds)."""
        return self.now + self.horizon_years * YEAR
