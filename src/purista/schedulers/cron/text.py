"""The text of a cron.d file: quoting, marks, and a strict reader of what was written."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from purista.errors import DeclarationError, InvalidExpression, RegistrationError
from purista.recurrence import Cron
from purista.schedulers.base import Owner

__all__ = [
    "COMMAND_LIMIT", "JOBS_LIMIT", "LINES_LIMIT", "Job", "Parsed", "file_text", "line_digest", "mark", "parse", "parse_jobs",
    "quote", "read_mark", "user_field",
]  # fmt: skip

COMMAND_LIMIT = 998
"""Debian's cron drops the whole file above this (measured on 3.0pl1-162)."""
LINES_LIMIT = 10_000
"""Debian's cron drops a file with more lines, comments among them (measured on 3.0pl1-162)."""
MARK = "# purista "
_TITLE = "# Written by purista when the service starts; what is changed here by hand is written over."
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}\$?")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_HEAD = ("SHELL=/bin/sh", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 'MAILTO=""')
JOBS_LIMIT = (LINES_LIMIT - 2 - len(_HEAD)) // 2
"""Jobs in one file: each has a mark above it."""


def line_digest(fields: str, user: str, command: str) -> str:
    """The meaning of a line, 32 hex digits; written in the mark above it, so that an edit by hand shows."""
    return hashlib.sha256(f"{fields}\0{user}\0{command}".encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Job:
    """One line: five fields, user, command as cron's text, and the mark above it."""

    name: str
    keys: tuple[str, ...]
    fields: str
    user: str
    command: str
    digest: str
    sweep: bool = False

    @property
    def edited(self) -> bool:
        """Whether somebody changed the line below its mark."""
        return self.digest != line_digest(self.fields, self.user, self.command)

    def text(self) -> str:
        """The mark and the line."""
        about = {"name": self.name, "digest": self.digest, "keys": list(self.keys), "sweep": self.sweep}
        return f"{mark(about)}\n{self.fields} {self.user} {self.command}\n"


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file as read back."""

    owner: Mapping[str, Any]
    jobs: tuple[Job, ...]


def quote(argument: str) -> str:
    r"""An argument for cron's command field: refused, then quoted for the shell, then ``%`` → ``\%``, in this order.

    :raises DeclarationError: for control characters and line separators, which no quoting makes safe.
    """
    wrong = _CONTROL.search(argument)
    if wrong is not None:
        raise DeclarationError(
            f"expected no control characters in {argument[:80]!r}, got {wrong[0]!r}; cron has no way to write it"
        )
    try:
        argument.encode("utf-8")
    except UnicodeEncodeError:
        raise DeclarationError(f"expected Unicode text, got half of a surrogate pair in {argument[:80]!a}") from None
    return shlex.quote(argument).replace("%", r"\%")


def user_field(user: str) -> str:
    """The user column, checked.

    :raises DeclarationError: for what is no user name.
    """
    if not _USER.fullmatch(user):
        raise DeclarationError(f"expected a user name, got {user!r:.60}; write CronScheduler(user='app')")
    return user


def mark(about: Mapping[str, Any]) -> str:
    """A comment line that we can read back: ASCII JSON, so nothing in it can end the line."""
    return MARK + json.dumps(about, sort_keys=True, separators=(",", ":"))


def read_mark(line: str) -> dict[str, Any] | None:
    """The content of a mark; None for any other line."""
    if not line.startswith(MARK):
        return None
    try:
        about = json.loads(line[len(MARK) :])
    except (ValueError, RecursionError):
        return None
    return about if isinstance(about, dict) else None


def file_text(owner: Owner, jobs: Sequence[Job], digest: str) -> str:
    """The whole file; ends with a newline, else Debian ignores it."""
    about = {
        "service": owner.service, "environment": owner.environment, "ledger": owner.ledger_id, "digest": digest, "format": 1,
    }  # fmt: skip
    head = [
        _TITLE,
        mark(about),
        *_HEAD,
        "",
    ]
    return "\n".join(head) + "".join(job.text() for job in jobs)


def parse(text: str) -> Parsed:
    """Read a file of ours, as strictly as it was written.

    :raises RegistrationError: for anything that we would not have written, with the line.
    """
    if not text.endswith("\n"):
        raise RegistrationError("the last line has no newline: Debian's cron would ignore the whole file")
    lines = text[:-1].split("\n")
    if lines[0] != _TITLE:
        raise RegistrationError("line 1: expected purista's title")
    owner = read_mark(lines[1]) if len(lines) > 1 else None
    if owner is None or owner.get("format") != 1 or "service" not in owner:
        raise RegistrationError("line 2: expected purista's mark")
    if tuple(lines[2:5]) != _HEAD:
        raise RegistrationError("lines 3 to 5: expected purista's environment lines")
    return Parsed(owner, parse_jobs(lines[5:], 6))


def parse_jobs(lines: Sequence[str], first: int) -> tuple[Job, ...]:
    """Marks and job lines in turn; ``first`` is the number of the first line, for errors.

    :raises RegistrationError: for anything that we would not have written, with the line.
    """
    if len(lines) % 2:
        raise RegistrationError(f"line {first + len(lines) - 1}: expected a mark and a job line in turn")
    jobs = tuple(_job(lines[number], lines[number + 1], number + first) for number in range(0, len(lines), 2))
    names = {job.name for job in jobs}
    if len(names) < len(jobs):
        raise RegistrationError(f"{len(jobs) - len(names)} lines stand there more than once")
    return jobs


def _job(above: str, line: str, number: int) -> Job:
    about = read_mark(above)
    parts = line.split(" ", 6)
    if about is None or len(parts) != 7 or any(ord(c) < 32 or ord(c) == 127 for c in line):
        raise RegistrationError(f"line {number + 1}: expected a mark above, then five fields, a user and a command")
    try:
        Cron(" ".join(parts[:5]))
        user = user_field(parts[5])
    except (InvalidExpression, DeclarationError) as error:
        raise RegistrationError(f"line {number + 1}: {error}") from error
    if len(parts[6].encode()) > COMMAND_LIMIT:
        raise RegistrationError(f"line {number + 1}: the command is longer than {COMMAND_LIMIT} bytes")
    match about:
        case {"name": str(name), "keys": list(keys), "digest": str(digest), "sweep": bool(sweep)}:
            return Job(name, tuple(map(str, keys)), " ".join(parts[:5]), user, parts[6], digest, sweep)
    raise RegistrationError(f"line {number}: expected a mark with name, keys, digest and sweep")
