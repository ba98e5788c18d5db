"""Names, keys and occurrence ids: what must be equal in every process, language and scheduler."""

from __future__ import annotations

import hashlib
import re
from binascii import b2a_base64

from purista.clock import to_iso
from purista.errors import InvalidSchedule

__all__ = ["MAX_NAME", "occurrence_id", "schedule_key", "validate_name"]

MAX_NAME = 200
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_PART_OF_KEY = frozenset({"service", "version", "schedule"})  # joined with "/" into the key
# Control characters, what breaks lines, what no eye sees, what turns text around, half surrogates. Written out because
# str.isprintable() depends on the Unicode version of the interpreter, and a name must not.
_UNSEEN = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u180b-\\u180e\\u200b-\\u200f\\u2028-\\u202e"
    "\\u2060-\\u206f\\ufeff\\ufff0-\\ufffb\\ufffe\\uffff\\ud800-\\udfff]"
)
_ASCII_WORD = re.compile("[A-Za-z0-9]")
_SUBJECT_SYNTAX = re.compile(r"[\s.*>]")


def schedule_key(service: str, version: str, name: str) -> str:
    """``service/version/name``: the schedule's name everywhere. The parts are checked by :func:`validate_name`."""
    return f"{service}/{version}/{name}"


def occurrence_id(schedule_key: str, scheduled_at_ms: int) -> str:
    """43 characters that name an occurrence, as in PURISTA: base64url of SHA-256 over ``key:2026-01-01T01:00:00.000Z``.

    ``scheduled_at_ms`` is milliseconds since the epoch, UTC.

    :raises OverflowError: for an instant outside the years 1 to 9999.
    """
    sha = hashlib.sha256(f"{schedule_key}:{to_iso(scheduled_at_ms)}".encode()).digest()
    return b2a_base64(sha, newline=False)[:43].translate(_URL_SAFE).decode("ascii")


def validate_name(kind: str, text: str) -> str:
    """``text`` itself, if it can name a ``kind`` (service, version, schedule, event, queue, command, …) everywhere.

    :raises purista.errors.InvalidSchedule: for text that is empty, too long, invisible in part, ambiguous in a key, or
        that is syntax rather than a name on a broker.
    """
    fault = _fault(kind, text)
    if fault is not None:
        msg = f"{kind}: {fault}"
        raise InvalidSchedule(msg)
    return text


def _fault(kind: str, text: object) -> str | None:
    if not isinstance(text, str):
        return f"expected a name as text, got {type(text).__name__}; write it in quotes"
    shown = ascii(text[:60])
    if not text.strip():
        return f"expected a name, got {shown}; write what it is for, such as 'monthlyBilling'"
    if len(text) > MAX_NAME:
        return f"expected at most {MAX_NAME} characters, got {len(text)} ({shown}…); write a shorter name"
    if text != text.strip():
        return f"expected no blanks around the name, got {shown}; write {text.strip()[:60]!a}"
    if unseen := _UNSEEN.search(text):
        return f"expected visible characters, got U+{ord(unseen[0]):04X} in {shown}; write the name without it"
    if "/" in text and kind in _PART_OF_KEY:
        return f"expected no '/' (it joins the parts of a key), got {shown}; write {text.replace('/', '-')[:60]!a}"
    if not any(map(str.isalnum, text)):
        return f"expected a letter or digit in the name, got {shown}; it would be syntax, not a name, on a broker"
    if not _ASCII_WORD.search(text) and (syntax := _SUBJECT_SYNTAX.search(text)):
        return (
            f"expected no {syntax[0]!a} in a name without ASCII letters or digits, got {shown}; "
            "NATS would read it as syntax"
        )
    return None
