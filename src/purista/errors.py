"""Every error that purista raises. One tree, drawn here; nothing else belongs in this file.

::

    PuristaError
    ├── DeclarationError (ValueError)      what code declares is wrong; raised where it is declared
    │   ├── InvalidExpression              cron text, interval or instant
    │   ├── InvalidTimezone                not a zone of the tz database
    │   ├── InvalidSchedule                options that contradict each other or cannot work
    │   ├── InvalidPayload                 payload, template or idempotency key against the schema
    │   ├── InvalidSecret                  a secret that is empty, short, a placeholder, or written where a reference belongs
    │   └── InvalidGateway                 an HTTP gateway that would let in whom it should not
    ├── AuthError                          a caller of the HTTP gateway is not let in
    │   ├── NotAuthenticated               nobody we know; the answer says no more than that
    │   ├── NotAllowed                     known, and not allowed to do this
    │   └── KeysUnavailable                the keys that tokens are checked with cannot be had now
    ├── MissingExtra (ImportError)         a library that belongs to an extra is not installed
    ├── ManifestError (ValueError)         a manifest that cannot be read; carries the JSON path
    ├── LedgerError                        the receipt book cannot answer
    │   ├── LedgerMismatch                 wrong environment, identity or schema version
    │   └── StaleFence                     a right that somebody newer has taken over
    ├── BridgeError                        a message could not be made durable
    │   └── BridgeVolatile                 this bridge forgets; an external scheduler needs one that does not
    ├── InvokeTimeout                      a command was not answered in time; it may still be worked
    ├── HandlerError                       thrown by handlers: its message and data may be shown to the caller
    ├── UnhandledError                     the caller's side of a handler's unexpected error
    ├── RegistrationError                  the external scheduler could not be configured
    │   ├── RegistrationMismatch           what was read back is not what was written
    │   └── SchedulerUnavailable           it is not in reach now; trying again may help
    └── UnknownSchedule (KeyError)         no contract for this key

Every message says what was expected, what was got and what to write instead.
"""

from __future__ import annotations

from typing import Any


class PuristaError(Exception):
    """Base of everything purista raises."""


class DeclarationError(PuristaError, ValueError):
    """What code declares is wrong. Raised where it is declared, never at run time.

    ``origin`` is that file and line, where they are known; then the message begins with them.
    """

    origin: tuple[str, int] | None = None


class InvalidExpression(DeclarationError):
    """A recurrence expression that cannot be read, or that can never be due.

    ``field`` is the cron field's name (or ``None``), ``text`` the offending part, ``position`` its 0-based offset in
    the whole expression (or ``None``), ``fix`` what to write instead (or ``None``).
    """

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        text: str | None = None,
        position: int | None = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(message)
        self.field, self.text, self.position, self.fix = field, text, position, fix


class InvalidTimezone(DeclarationError):
    """Not the name of a zone in the tz database. ``suggestions`` are the nearest names."""

    def __init__(self, message: str, *, name: str | None = None, suggestions: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.name, self.suggestions = name, suggestions


class InvalidSchedule(DeclarationError):
    """Options of a schedule that contradict each other or cannot work."""


class InvalidPayload(DeclarationError):
    """A payload, template or idempotency key that does not fit the declared schema."""


class InvalidSecret(DeclarationError):
    """A secret that must not be used, or a reference that leads to none. The value is never in the message."""


class InvalidGateway(DeclarationError):
    """Configuration of the HTTP gateway that cannot work, or that would let in whom it should not."""


class AuthError(PuristaError):
    """A caller of the HTTP gateway is not let in. The message is for the log; callers are told less."""


class NotAuthenticated(AuthError):
    """Nobody we know: no signature, token or key fits. ``malformed``: what was sent contradicts itself (answered 400)."""

    def __init__(self, message: str, *, malformed: bool = False) -> None:
        super().__init__(message)
        self.malformed = malformed


class NotAllowed(AuthError):
    """A caller we know, who may not do this."""


class KeysUnavailable(AuthError):
    """The keys that tokens are checked with cannot be had now. Nobody is let in until they can."""


class MissingExtra(PuristaError, ImportError):
    """A library that an extra of ours brings is not installed. ``extra`` is its name."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs libraries that are not installed; write pip install 'purista[{extra}]'")
        self.extra = extra


class ManifestError(PuristaError, ValueError):
    """A manifest that cannot be read. ``path`` is the JSON path of the first offence, such as ``$.schedules[2].name``."""

    def __init__(self, message: str, *, path: str = "$") -> None:
        super().__init__(f"{path}: {message}")
        self.path = path


class LedgerError(PuristaError):
    """The ledger cannot answer; nothing was decided."""


class LedgerMismatch(LedgerError):
    """The ledger belongs to another environment, is another ledger, or is written by a newer purista."""


class StaleFence(LedgerError):
    """A write under a right that somebody newer has taken over. Nothing was written."""


class BridgeError(PuristaError):
    """A message could not be made durable."""


class BridgeVolatile(BridgeError):
    """The bridge forgets what it carries when its process ends, so it cannot serve an external scheduler."""


class InvokeTimeout(PuristaError):
    """A command was not answered in time."""


class HandlerError(PuristaError):
    """Raise this in a handler for an expected failure: ``message`` and ``data`` are shown to the caller.

    ``status`` is an HTTP status number, as in PURISTA's error responses.
    """

    def __init__(self, message: str, *, status: int = 400, data: Any = None) -> None:
        super().__init__(message)
        self.message, self.status, self.data = message, status, data


class UnhandledError(PuristaError):
    """The answer of a command whose handler failed unexpectedly; says no more than PURISTA's standard text."""


class RegistrationError(PuristaError):
    """The external scheduler could not be configured."""


class RegistrationMismatch(RegistrationError):
    """What was read back from the scheduler is not what was written."""


class SchedulerUnavailable(RegistrationError):
    """The external scheduler is not in reach now, or overloaded: trying again may help. A starting service goes on and tries
    again in the background.
    """


class UnknownSchedule(PuristaError, KeyError):
    """No contract is registered under this key."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""
