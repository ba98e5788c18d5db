"""How a command ends: exit codes (``sysexits.h`` where one fits) and the error that carries one."""

from __future__ import annotations

from purista.errors import (
    BridgeError,
    BridgeVolatile,
    DeclarationError,
    LedgerError,
    ManifestError,
    MissingExtra,
    PuristaError,
    RegistrationError,
    SchedulerUnavailable,
    UnknownSchedule,
)

__all__ = [
    "BROKEN_PIPE", "CANNOT_CREATE", "CONFIG", "INTERNAL", "INTERRUPTED", "OK", "PROBLEMS", "REFUSED", "RETRY", "UNAVAILABLE",
    "USAGE", "Stop", "advised", "code_of",
]  # fmt: skip

OK = 0
PROBLEMS = 1  # `check` found some
USAGE = 64  # options, a schedule nobody knows, a time that cannot be read
UNAVAILABLE = 69  # the ledger, the broker or the scheduler cannot answer
INTERNAL = 70
CANNOT_CREATE = 73  # a file or the scheduler's entries could not be written
RETRY = 75  # call again
REFUSED = 77  # decided against
CONFIG = 78  # no app, or one that declares something wrong
INTERRUPTED = 130
BROKEN_PIPE = 141


class Stop(Exception):
    """Ends the command with a code and one sentence: what was expected, what was got, what to write instead."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


_CODES: tuple[tuple[type[PuristaError], int], ...] = (
    (LedgerError, UNAVAILABLE),
    (UnknownSchedule, USAGE),
    (SchedulerUnavailable, UNAVAILABLE),
    (RegistrationError, CANNOT_CREATE),
    (DeclarationError, CONFIG),
    (ManifestError, CONFIG),
    (BridgeVolatile, CONFIG),
    (BridgeError, UNAVAILABLE),
    (MissingExtra, CONFIG),
)


def code_of(error: PuristaError) -> int:
    """The exit code of an error of ours."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), INTERNAL)


def advised(error: Exception) -> str:
    """What went wrong; where it is the broker, also what to do."""
    unreachable = isinstance(error, BridgeError) and code_of(error) == UNAVAILABLE
    return f"{error}; start it, or correct PURISTA_BRIDGE" if unreachable else str(error)
