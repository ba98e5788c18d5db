"""The small language of payload templates: ``{scheduled_at:%Y-%m}`` and nothing more.

What belongs here: reading a template's text and rendering one. No attribute access, no indexing, no conversion, nothing
that depends on the host (locale, C library, local zone) or that changes between retries.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Protocol

from purista.errors import InvalidPayload

__all__ = ["DIRECTIVES", "NAMES", "Field", "Segments", "Values", "format_time", "parse_template"]

NAMES = ("scheduled_at", "previous_at", "next_at", "occurrence_id", "schedule_name")
_TIMES = frozenset(NAMES[:3])
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


class Values(Protocol):
    """Where the values of a template's names come from."""

    def time(self, name: str) -> datetime:
        """The instant of that name in the schedule's zone."""
        ...

    @property
    def occurrence_id(self) -> str:
        """The occurrence's id."""
        ...

    @property
    def schedule_name(self) -> str:
        """The schedule's name, without service and version."""
        ...


@dataclass(frozen=True, slots=True)
class Field:
    """One ``{name:format}``."""

    name: str
    format: str

    def render(self, values: Values) -> str:
        """The text that stands for the field at this occurrence."""
        if self.name in _TIMES:
            return format_time(values.time(self.name), self.format)
        return values.occurrence_id if self.name == "occurrence_id" else values.schedule_name


Segments = tuple[str | Field, ...]


def _offset(at: datetime, colon: str = "") -> str:
    minutes = (at.utcoffset() or timedelta(0)) // timedelta(minutes=1)
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    return f"{sign}{minutes // 60:02d}{colon}{minutes % 60:02d}"


# Written out instead of strftime: names are English on every host, and %s, %F, %G mean the same on every C library.
DIRECTIVES: dict[str, Callable[[datetime], str]] = {
    "%Y": lambda at: f"{at.year:04d}",
    "%y": lambda at: f"{at.year % 100:02d}",
    "%m": lambda at: f"{at.month:02d}",
    "%d": lambda at: f"{at.day:02d}",
    "%H": lambda at: f"{at.hour:02d}",
    "%I": lambda at: f"{at.hour % 12 or 12:02d}",
    "%p": lambda at: "AM" if at.hour < 12 else "PM",
    "%M": lambda at: f"{at.minute:02d}",
    "%S": lambda at: f"{at.second:02d}",
    "%f": lambda at: f"{at.microsecond:06d}",
    "%s": lambda at: str(int(at.timestamp())),
    "%z": _offset,
    "%:z": lambda at: _offset(at, ":"),
    "%Z": lambda at: at.tzname() or "",
    "%j": lambda at: f"{at.timetuple().tm_yday:03d}",
    "%a": lambda at: _DAYS[at.weekday()][:3],
    "%A": lambda at: _DAYS[at.weekday()],
    "%b": lambda at: _MONTHS[at.month - 1][:3],
    "%B": lambda at: _MONTHS[at.month - 1],
    "%u": lambda at: str(at.isoweekday()),
    "%w": lambda at: str(at.isoweekday() % 7),
    "%G": lambda at: f"{at.isocalendar().year:04d}",
    "%V": lambda at: f"{at.isocalendar().week:02d}",
    "%U": lambda at: f"{(at.timetuple().tm_yday + 6 - at.isoweekday() % 7) // 7:02d}",
    "%W": lambda at: f"{(at.timetuple().tm_yday + 6 - at.weekday()) // 7:02d}",
    "%F": lambda at: f"{at.year:04d}-{at.month:02d}-{at.day:02d}",
    "%T": lambda at: f"{at.hour:02d}:{at.minute:02d}:{at.second:02d}",
    "%R": lambda at: f"{at.hour:02d}:{at.minute:02d}",
    "%%": lambda _: "%",
}
_PART = re.compile(r"[^{}]+|\{\{|\}\}|\{[^{}]*\}|[{}]")
_DIRECTIVE = re.compile("%:?.?", re.DOTALL)
_INSTEAD = {
    "%c": "%Y-%m-%d %H:%M:%S",
    "%x": "%Y-%m-%d",
    "%X": "%H:%M:%S",
    "%D": "%m/%d/%y",
    "%h": "%b",
    "%e": "%d",
    "%C": "%Y",
}


@lru_cache(maxsize=1024)
def _compiled(format: str) -> tuple[str | Callable[[datetime], str], ...]:
    parts: list[str | Callable[[datetime], str]] = []
    end = 0
    for found in _DIRECTIVE.finditer(format):
        directive = found[0]
        if directive not in DIRECTIVES:
            instead = _INSTEAD.get(directive, "one of " + " ".join(sorted(DIRECTIVES)))
            msg = f"expected a format of one meaning on every host, got {directive!r} in {format!r}; write {instead}"
            raise InvalidPayload(msg)
        parts += [format[end : found.start()], DIRECTIVES[directive]]
        end = found.end()
    parts.append(format[end:])
    return tuple(part for part in parts if part != "")


def format_time(at: datetime, format: str) -> str:
    """``at`` as strftime would write it in the C locale; an empty format means ISO 8601 with offset.

    :raises purista.errors.InvalidPayload: for a directive that depends on the host.
    """
    if not format:
        return at.isoformat()
    return "".join([part if isinstance(part, str) else part(at) for part in _compiled(format)])


def parse_template(text: str) -> Segments:
    """Literal text and fields in order. ``{{`` and ``}}`` stand for the braces themselves.

    :raises purista.errors.InvalidPayload: for an unknown name, for anything that is more than a name and a time format,
        and for a brace that stands alone.
    """
    return _remembered(text) if len(text) <= _SHORT else _parsed(text)


def _parsed(text: str) -> Segments:
    segments: list[str | Field] = []
    literal: list[str] = []
    for found in _PART.finditer(text):
        part = found[0]
        if part in {"{{", "}}"}:
            literal.append(part[0])
        elif part in {"{", "}"}:
            msg = (
                f"expected '{{name}}' or '{{name:format}}', got a lone {part!r} at position {found.start()} of "
                f"{text[:80]!r}; write {part * 2!r} for the character itself"
            )
            raise InvalidPayload(msg)
        elif part[0] == "{":
            segments += ["".join(literal), _field(part)]
            literal = []
        else:
            literal.append(part)
    segments.append("".join(literal))
    return tuple(segment for segment in segments if segment != "")


_SHORT = 500  # longer texts are not remembered: a manifest must not fill the memory
_remembered = lru_cache(maxsize=4096)(_parsed)


def _field(text: str) -> Field:
    name, _, form = text[1:-1].partition(":")
    if name not in NAMES:
        raise InvalidPayload(_unknown(name, text))
    if form and name not in _TIMES:
        msg = f"expected no format for {name!r}, got {text[:80]!r}; write '{{{name}}}'"
        raise InvalidPayload(msg)
    _compiled(form)
    return Field(name, form)


def _unknown(name: str, field: str) -> str:
    import difflib  # noqa: PLC0415 - only an error needs it

    near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.4)
    fix = f"write '{{{near[0]}}}'" if near else f"write one of {', '.join(NAMES)}"
    if any(char in name for char in ".[!"):
        return f"expected a plain name, got {field[:80]!r}: templates have no attributes, indexes or conversions; {fix}"
    known = ", ".join(NAMES)
    return f"expected one of {known}, got {name[:60]!r} in {field[:80]!r}; {fix}, or double the braces for plain text"
