"""Where the lines will run: the host's zone, the user, the command and the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from purista.errors import RegistrationError

__all__ = ["Place", "host_zone"]

YEAR = 31_556_952


@dataclass(frozen=True, slots=True)
class Place:
    """What a line needs to know of its host. ``now`` and the horizon say for which years zones are covered."""

    host_zone: str
    user: str
    command: tuple[str, ...]
    ledger: str
    now: int
    horizon_years: int = 12
    single_host: bool = False
    sweep_minutes: int = 5
    gateway: tuple[str, ...] = ()  # arguments that name it, instead of the ledger

    @property
    def until(self) -> int:
        """The end of the horizon (epoch seconds)."""
        return self.now + self.horizon_years * YEAR


def host_zone(root: Path = Path("/")) -> str:
    """The zone in which the machine's cron matches: that of ``/etc/localtime``, else of ``/etc/timezone``, else UTC.

    The ``TZ`` of this process is not looked at: the daemon does not have it.

    :raises RegistrationError: ``/etc/localtime`` is a copy of something that cannot be named.
    """
    link = root / "etc/localtime"
    if link.is_symlink():
        _, found, name = str(link.readlink()).partition("zoneinfo/")
        if found:
            return name.removeprefix("posix/").removeprefix("right/")
    named = root / "etc/timezone"
    if named.is_file():
        name = named.read_text("utf-8").strip()
        if name:
            return name
    if link.exists():
        raise RegistrationError(
            "the host's zone has no name: /etc/localtime is a copy; link it to /usr/share/zoneinfo/…, or write "
            "CronScheduler(host_zone='Europe/Berlin')"
        )
    return "UTC"
