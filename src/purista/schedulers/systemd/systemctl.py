"""The few commands that make systemd take up what was written. Lists of arguments, never a shell."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from purista.errors import RegistrationError

__all__ = ["Ran", "Runner", "Systemctl", "run_command"]

AT_ONCE = 200
"""Units named in one command."""
SECONDS = 120


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended, and what it said."""

    code: int
    said: str = ""


Runner = Callable[[Sequence[str]], Ran]


def run_command(argv: Sequence[str]) -> Ran:
    """Run a program and wait for its end; 127 when there is none of this name."""
    try:
        done = subprocess.run(  # noqa: S603 - a list, never a shell; units have names of our making
            list(argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS,
            check=False, env={**os.environ, "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
    except FileNotFoundError:
        return Ran(127, f"{argv[0]}: command not found")
    except subprocess.TimeoutExpired:
        return Ran(124, f"it did not end within {SECONDS} s")
    return Ran(done.returncode, done.stdout.decode("utf-8", "replace"))


class Systemctl:
    """``systemctl`` of the system, or of this user's own manager."""

    def __init__(self, run: Runner, *, user: bool) -> None:
        self._run = run
        self._base = ["systemctl", *(["--user"] if user else []), "--no-ask-password"]

    def reload(self) -> None:
        """Read the files again."""
        self._must(["daemon-reload"])

    def enable(self, timers: Sequence[str]) -> None:
        """Start them, now and with the machine."""
        self._each(["enable", "--now"], timers)

    def restart(self, timers: Sequence[str]) -> None:
        """Begin again with other lines; a timer that somebody stopped stays stopped."""
        self._each(["try-restart"], timers)

    def disable(self, timers: Sequence[str]) -> None:
        """Stop them, for good. What they called goes on to its end."""
        self._each(["disable", "--now"], timers)

    def clean(self, timers: Sequence[str]) -> None:
        """Forget when they called last. It does no harm if that is left behind."""
        for part in _parts(timers):
            self._run([*self._base, "clean", "--what=state", *part])

    def forget_failures(self, units: Sequence[str]) -> None:
        """Of units that are gone. Those that never failed are not known any more, which is no error of ours."""
        for part in _parts(units):
            self._run([*self._base, "reset-failed", *part])

    def _each(self, verb: Sequence[str], units: Sequence[str]) -> None:
        for part in _parts(units):
            self._must([*verb, *part])

    def _must(self, arguments: Sequence[str]) -> None:
        ran = self._run([*self._base, *arguments])
        if ran.code:
            said = ran.said.strip().splitlines()
            told = "; ".join(said[-3:])[:500] or f"exit code {ran.code}"
            shown = " ".join([*self._base, *arguments])[:300]
            raise RegistrationError(
                f"`{shown}` failed: {told}; what was live before still is; repair it and apply again"
            )


def _parts(names: Sequence[str]) -> list[Sequence[str]]:
    return [names[first : first + AT_ONCE] for first in range(0, len(names), AT_ONCE)]
