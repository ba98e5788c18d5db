"""The text of unit files: quoting, our marks, and a strict reader of what was written.

Sections that begin with ``X-`` are ours to fill: systemd leaves them alone.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from purista.errors import DeclarationError, RegistrationError
from purista.schedulers.base import Owner
from purista.schedulers.systemd.calendar import Calendar, parse_calendar

__all__ = [
    "COMMAND_LIMIT", "SUFFIXES", "Mark", "Unit", "calendars", "digest_of", "executable", "quote", "quote_path", "read_mark",
    "sections", "split", "user_name",
]  # fmt: skip

COMMAND_LIMIT = 32_768
"""systemd reads lines of up to 1 MiB, and the kernel arguments of 128 KiB; a unit file is for people to read, too."""
FORMAT = 1
SUFFIXES = (".service", ".timer")
SECTION = "[X-Purista]"
_PLAIN = re.compile(r"[A-Za-z0-9_./:=,@+-]+")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}\$?")
_EXECUTABLE = re.compile(r"/[^\"'\\$]*|[A-Za-z0-9_.][A-Za-z0-9_.+-]*")  # not "-x" or "+x": those are systemd's prefixes
TITLE = "# Written by purista; what is changed here by hand is written over.\n"


def checked(text: str) -> str:
    """A text without characters that no quoting makes safe.

    :raises DeclarationError: for control characters, line separators and broken Unicode.
    """
    wrong = next((c for c in text if ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u2028\u2029"), None)
    if wrong is not None:
        raise DeclarationError(f"expected no control characters in {text[:80]!r}, got {wrong!r}; write another name")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise DeclarationError(f"expected Unicode text, got half of a surrogate pair in {text[:80]!a}") from None
    return text


def quote(argument: str) -> str:
    r"""An argument of ``ExecStart=``: in quotes, with ``\\``, ``"``, ``%`` and ``$`` escaped. There is no shell.

    :raises DeclarationError: for what cannot be written.
    """
    return _quoted(argument, {"\\": r"\\", '"': r"\"", "%": "%%", "$": "$$"})


def quote_path(path: str) -> str:
    r"""A path of ``RequiresMountsFor=``: as an argument, but ``$`` means itself."""
    return _quoted(path, {"\\": r"\\", '"': r"\"", "%": "%%"})


def _quoted(text: str, escapes: dict[str, str]) -> str:
    if _PLAIN.fullmatch(text):
        return text
    return '"' + "".join(escapes.get(character, character) for character in checked(text)) + '"'


def executable(path: str) -> str:
    """The first word of ``ExecStart=``: an absolute path, or a name to be looked for; systemd knows no quotes in it.

    :raises DeclarationError: for what systemd does not take as a program.
    """
    if not _EXECUTABLE.fullmatch(checked(path)):
        raise DeclarationError(
            f"expected the absolute path of a program without quotes, backslashes and $, got {path[:80]!r}; write "
            "SystemdScheduler(command=['/srv/venv/bin/purista'])"
        )
    return quote(path)


def user_name(user: str) -> str:
    """The value of ``User=``, checked.

    :raises DeclarationError: for what is no user name.
    """
    if not _USER.fullmatch(user):
        raise DeclarationError(f"expected a user name, got {user!r:.60}; write SystemdScheduler(user='app')")
    return user


@dataclass(frozen=True, slots=True)
class Mark:
    """What ``[X-Purista]`` says: whose unit this is, what it calls for, and the digest of both files."""

    service: str
    environment: str
    ledger: str
    keys: tuple[str, ...]
    digest: str
    sweep: bool

    def text(self) -> str:
        """The section. ASCII JSON, so that nothing in it can end its line or continue on the next."""
        owner = {"environment": self.environment, "ledger": self.ledger, "service": self.service}
        lines = [SECTION, f"Format={FORMAT}", f"Owner={_json(owner)}", f"Keys={_json(list(self.keys))}"]
        return "\n".join([*lines, f"Sweep={_json(self.sweep)}", f"Digest={self.digest}", ""])


@dataclass(frozen=True, slots=True)
class Unit:
    """A timer and its service of the same name, as lines of their sections."""

    name: str
    owner: Owner
    keys: tuple[str, ...]
    service: tuple[str, ...]
    timer: tuple[str, ...]
    sweep: bool = False

    @property
    def digest(self) -> str:
        """The meaning of both files, 32 hex digits: everything that systemd reads, nothing else."""
        return digest_of("\n".join(self.service), "\n".join(self.timer))

    def text(self) -> str:
        """Both files, one after the other; :func:`split` takes them apart."""
        owner = self.owner
        mark = Mark(owner.service, owner.environment, owner.ledger_id, self.keys, self.digest, self.sweep).text()
        return "".join(TITLE + "\n".join([*lines, mark]) for lines in (self.service, self.timer))


def split(body: str) -> list[str]:
    """The texts of both files, as in :data:`SUFFIXES`."""
    return [TITLE + text for text in body.split(TITLE)[1:]]


def digest_of(service: str, timer: str) -> str:
    """The digest of two files' texts, marks and title lines left out."""
    parts = "\0".join(_meant(text) for text in (service, timer))
    return hashlib.sha256(f"{FORMAT}\0{parts}".encode()).hexdigest()[:32]


def _meant(text: str) -> str:
    lines = text.partition(SECTION)[0].split("\n")
    return "\n".join(line for line in lines if line and not line.startswith("#"))


def read_mark(text: str) -> Mark | None:
    """What the mark of a file says; None for a file that is not ours."""
    found: dict[str, Any] = {}
    _, _, section = text.partition(f"\n{SECTION}\n")
    for line in section.split("\n"):
        name, _, value = line.partition("=")
        found[name] = value
    try:
        owner, keys, sweep = (json.loads(found[name]) for name in ("Owner", "Keys", "Sweep"))
        names = (owner["service"], owner["environment"], owner["ledger"])
        if found["Format"] != str(FORMAT) or not all(isinstance(part, str) for part in (*names, *keys)):
            return None
        return Mark(*names, tuple(keys), str(found["Digest"]), bool(sweep))
    except (KeyError, ValueError, TypeError, RecursionError):
        return None


def calendars(text: str) -> list[Calendar]:
    """The ``OnCalendar=`` lines of a unit.

    :raises RegistrationError: there is none, or one that we would not have written.
    """
    found = [line.partition("=")[2] for line in text.split("\n") if line.startswith("OnCalendar=")]
    if not found:
        raise RegistrationError("expected OnCalendar= lines, found none")
    return [parse_calendar(line) for line in found]


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def sections(parts: Sequence[tuple[str, Sequence[str]]]) -> tuple[str, ...]:
    """Lines of a file: names of sections with their settings."""
    return tuple(line for name, lines in parts for line in (f"[{name}]", *lines, ""))
