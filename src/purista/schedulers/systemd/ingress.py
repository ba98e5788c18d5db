"""What a unit says to the gateway: the arguments of ``purista trigger``.

systemd passes ``TRIGGER_TIMER_REALTIME_USEC``, the time at which it dispatched the call, not the one that was meant: so a call
has no time, and the gateway decides whatever is due. The answer goes back as an exit code (``purista.cli.trigger``); all but
"call again", which the sweep does, show in ``systemctl --failed``.
"""

from __future__ import annotations

from collections.abc import Sequence

from purista.schedulers.packing import packed
from purista.schedulers.systemd.place import Place
from purista.schedulers.systemd.text import COMMAND_LIMIT, executable, quote

__all__ = ["fitting", "key_command", "recover_command", "sweep_command"]


def key_command(place: Place, keys: Sequence[str]) -> str:
    """The command that asks what is due of some schedules, as text of ``ExecStart=``."""
    return " ".join([*_base(place), "--", *(quote(key) for key in keys)])


def sweep_command(place: Place) -> str:
    """The command that finishes what earlier calls began."""
    return " ".join([*_base(place), "--sweep"])


def recover_command(place: Place) -> str:
    """The command that decides what nobody called for."""
    return " ".join([*_base(place), "--recover"])


def fitting(place: Place, keys: Sequence[str]) -> tuple[list[list[str]], list[str]]:
    """Keys in groups whose command is not too long; and those that are, or that cannot be written."""
    return packed(keys, quote, bare=key_command(place, []), limit=COMMAND_LIMIT)


def _base(place: Place) -> list[str]:
    command, *arguments = place.command
    where = place.gateway or ("--ledger", place.ledger)
    return [
        executable(command), *(quote(part) for part in arguments), "trigger", *(quote(part) for part in where),
        "--scheduler", "systemd",
    ]  # fmt: skip
