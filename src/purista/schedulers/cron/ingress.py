"""What a line says to the gateway: the arguments of ``purista trigger``. cron passes no time, so a call has none.

The answer goes back as an exit code (``purista.cli.trigger``), which cron ignores: what was not decided now is decided by the
next call or by the sweep.
"""

from __future__ import annotations

from collections.abc import Sequence

from purista.schedulers.cron.place import Place
from purista.schedulers.cron.text import COMMAND_LIMIT, quote
from purista.schedulers.packing import packed

__all__ = ["fitting", "key_command", "recover_command", "sweep_command"]


def key_command(place: Place, keys: Sequence[str], delay: int = 0) -> str:
    """The command that asks what is due of some schedules, as cron's text; ``delay`` seconds after the full minute."""
    later = ["--delay", str(delay)] if delay else []
    return " ".join([*_base(place), *later, "--", *(quote(key) for key in keys)])


def sweep_command(place: Place) -> str:
    """The command that finishes what earlier calls began, as cron's text."""
    return " ".join([*_base(place), "--sweep"])


def recover_command(place: Place) -> str:
    """The command that decides what nobody called for, as cron's text."""
    return " ".join([*_base(place), "--recover"])


def fitting(place: Place, keys: Sequence[str], delay: int = 0) -> tuple[list[list[str]], list[str]]:
    """Keys in groups whose command fits a line; and those that fit none."""
    return packed(keys, quote, bare=key_command(place, [], delay), limit=COMMAND_LIMIT)


def _base(place: Place) -> list[str]:
    where = place.gateway or ("--ledger", place.ledger)
    return [
        *(quote(part) for part in place.command),
        "trigger",
        *(quote(part) for part in where),
        "--scheduler",
        "cron",
    ]
