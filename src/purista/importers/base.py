"""What all importers share: jobs that are carried over, findings about what is not, and the account of both."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from purista.contract.options import read_options
from purista.contract.rules import validate
from purista.contract.schedule import Schedule, Target, TargetKind
from purista.errors import DeclarationError
from purista.recurrence import Expression

__all__ = ["Collector", "Finding", "Imported", "Job", "Kind", "NotCarried", "identifier", "one_line", "word"]

VERSION = "1"


class Kind(StrEnum):
    """What a finding is about."""

    REFUSED = "refused"  # a whole job that is not carried over
    LOST = "lost"  # a part of a job that is not carried over
    DIFFERENT = "different"  # carried over, and behaves differently now
    CHOSEN = "chosen"  # the source says nothing about it; what was written is a choice


@dataclass(frozen=True, slots=True)
class Finding:
    """What one should know about a job; ``job`` is empty where it concerns all of them."""

    kind: Kind
    job: str
    where: str
    message: str
    fix: str


@dataclass(frozen=True, slots=True)
class Job:
    """A job that is carried over: its contract, and the lines of Python that do its work.

    ``source`` is what stood there before, ``options`` the options of the schedule as they will be written.
    """

    schedule: Schedule
    options: Mapping[str, Any]
    body: tuple[str, ...]
    source: str
    where: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a source. ``total`` jobs were found; each is in ``jobs``, or a finding says why not.

    ``origin`` names the source in a sentence; ``prelude`` is the Python that the jobs' bodies need, ``worker`` the options of
    their workers.
    """

    origin: str
    service: str
    total: int
    jobs: tuple[Job, ...]
    findings: tuple[Finding, ...]
    prelude: str = ""
    worker: str = ""

    @property
    def refused(self) -> tuple[Finding, ...]:
        """Why the jobs that are missing are missing."""
        return tuple(finding for finding in self.findings if finding.kind is Kind.REFUSED)


class NotCarried(Exception):
    """This job cannot be carried over: why, and what to do instead."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.message, self.fix = message, fix


class Collector:
    """Keeps the account: every job that is begun ends as a contract or as a refusal."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.total = 0
        self.jobs: list[Job] = []
        self.findings: list[Finding] = []
        self._names: set[str] = set()

    @contextmanager
    def job(self, name: str, where: str) -> Iterator[None]:
        """One job of the source: what is raised inside is why it is refused."""
        self.total += 1
        carried = len(self.jobs)
        try:
            yield
        except NotCarried as reason:
            self._refuse(name, where, reason.message, reason.fix)
        except DeclarationError as error:
            message, _, fix = str(error).removeprefix(f"{self.service}/{VERSION}/").rpartition("; ")
            self._refuse(name, where, message or str(error), fix if message else "write it by hand")
        else:
            if len(self.jobs) != carried + 1:
                raise AssertionError(f"{name}: neither carried over nor refused")

    def _refuse(self, name: str, where: str, message: str, fix: str) -> None:
        """What else was found about it matters no more."""
        self.findings = [finding for finding in self.findings if finding.job != name]
        self.find(Kind.REFUSED, name, where, message, fix)

    def find(self, kind: Kind, job: str, where: str, message: str, fix: str) -> None:
        """Note something; the same thing about the same job once."""
        found = Finding(kind, job, where, message, fix)
        if found not in self.findings:
            self.findings.append(found)

    def carry(
        self, name: str, expression: Expression, *, timezone: str, options: Mapping[str, Any], body: tuple[str, ...],
        source: str, where: str, description: str = "",
    ) -> Schedule:  # fmt: skip
        """Make the contract; its target is a queue of its own.

        :raises DeclarationError: for what cannot be declared.
        """
        target = Target(TargetKind.QUEUE, f"{self.service}.{name}", self.service, VERSION)
        schedule = Schedule(
            service=self.service, version=VERSION, name=name, description=description, expression=expression,
            timezone=timezone, target=target, **read_options(options),
        )  # fmt: skip
        validate(schedule)
        self.jobs.append(Job(schedule, dict(options), body, one_line(source), where))
        return schedule

    def name(self, wanted: str) -> str:
        """A name for a job that no other one has, also as a Python identifier."""
        base = re.sub(r"[^\w.-]+", "-", wanted, flags=re.ASCII).strip("-._")[:60] or "job"
        found, number = base, 1
        while identifier(found) in self._names:
            number += 1
            found = f"{base}{number}"
        self._names.add(identifier(found))
        return found

    def done(self, origin: str, *, prelude: str, worker: str = "") -> Imported:
        """The account."""
        return Imported(
            origin, self.service, self.total, tuple(self.jobs), tuple(self.findings), prelude=prelude, worker=worker
        )


def identifier(name: str) -> str:
    """A Python name: ``nightlyCleanup-2`` → ``nightly_cleanup_2``."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    plain = re.sub(r"[^a-z0-9]+", "_", snake.lower()).strip("_") or "job"
    taken = keyword.iskeyword(plain) or plain[0].isdigit() or plain in _TAKEN
    return f"job_{plain}" if taken else plain


_TAKEN = frozenset({
    "app", "asyncio", "beat", "call", "context", "crontab", "datetime", "inspect", "jobs", "os", "pkgutil", "pwd", "send", "sh",
    "subprocess", "timedelta",
})  # fmt: skip


def one_line(text: str) -> str:
    """For a comment: no line break, nothing that moves a cursor or turns text around."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text).strip()


def word(count: int, noun: str) -> str:
    """``1 job``, ``2 jobs``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
