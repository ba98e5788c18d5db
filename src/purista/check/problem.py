"""What a rule sees and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from purista.contract.schedule import Schedule

__all__ = ["HORIZON_MS", "Definition", "Handler", "Options", "Problem", "Rule", "Service", "Severity", "Subject"]

DAY_MS = 86_400_000
HORIZON_MS = 2 * 366 * DAY_MS  # how far ahead rules look: two changes of the clocks in either direction, a leap year


class Severity(StrEnum):
    """How much a problem matters. ``--strict`` makes warnings fail; infos never do."""

    ERROR = "error"  # it will not work
    WARNING = "warning"  # it works, but probably not as meant
    INFO = "info"  # worth knowing


@dataclass(frozen=True, slots=True)
class Problem:
    """What one rule found about one schedule or handler. ``key`` says which, ``fix`` what to write instead."""

    code: str
    severity: Severity
    key: str
    message: str
    fix: str


class Options(Protocol):
    """What check reads of ``service.handlers.HandlerOptions``; check and service stand side by side and never meet."""

    @property
    def once(self) -> bool | None:
        """Whether repeated deliveries are skipped; None: nobody said."""
        ...


class Handler(Protocol):
    """What check reads of a handler's record."""

    @property
    def word(self) -> str:
        """Subscription, command or queue."""
        ...

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def payload_type(self) -> Any:
        """The type of its payload, or None."""
        ...

    @property
    def parameters(self) -> int:
        """How many arguments it takes."""
        ...

    @property
    def options(self) -> Options:
        """How carefully it is called."""
        ...


class _Subscription(Handler, Protocol):
    @property
    def event(self) -> str:
        """The event it listens to."""
        ...


class Definition(Protocol):
    """What check reads of a declared schedule."""

    @property
    def key(self) -> str:
        """``service/version/name``."""
        ...

    @property
    def schedule(self) -> Schedule:
        """The contract."""
        ...


class Service(Protocol):
    """What check reads of a ``ServiceBuilder``."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def version(self) -> str:
        """Its version."""
        ...

    @property
    def definitions(self) -> Sequence[Definition]:
        """What was declared and added."""
        ...

    @property
    def forgotten(self) -> Sequence[Definition]:
        """What was declared and never added."""
        ...

    @property
    def subscriptions(self) -> Sequence[_Subscription]:
        """Handlers of events."""
        ...

    @property
    def commands(self) -> Sequence[Handler]:
        """Handlers of commands."""
        ...

    @property
    def queue_workers(self) -> Sequence[Handler]:
        """Handlers of jobs."""
        ...


@dataclass(frozen=True, slots=True)
class Subject:
    """All services of an app, at one time: ``now_ms`` is milliseconds since the epoch, UTC."""

    services: tuple[Service, ...]
    now_ms: int

    def definitions(self) -> Iterator[tuple[Service, Definition]]:
        """Every added schedule with the service that declares it."""
        for service in self.services:
            for definition in service.definitions:
                yield service, definition

    def schedules(self) -> Iterator[Schedule]:
        """Every added contract."""
        for _, definition in self.definitions():
            yield definition.schedule


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its code, what it looks for in a few words, and the function that looks."""

    code: str
    title: str
    find: Callable[[Subject], Iterable[Problem]]
