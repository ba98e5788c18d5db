"""What a caller may say: bounded, printable, and shaped like a schedule's key. Pure."""

from __future__ import annotations

import re

from purista.contract.identity import MAX_NAME
from purista.schedulers.base import Call, CallKind

__all__ = ["malformed"]

_UNFIT = re.compile("[\\x00-\\x1f\\x7f\\ud800-\\udfff]")
MAX_KEY = 3 * MAX_NAME + 2
MAX_REQUEST = 200
MAX_SOURCE = 100
FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999
"""The years 1 to 9999."""


def malformed(call: Call) -> str | None:
    """Why this call can never be right, in words; None when it may be."""
    for name, text, longest in (
        ("key", call.key, MAX_KEY), ("request", call.request, MAX_REQUEST), ("source", call.source, MAX_SOURCE),
    ):  # fmt: skip
        if len(text) > longest:
            return f"expected a {name} of at most {longest} characters, got {len(text)}"
        if text and (wrong := _UNFIT.search(text)):
            if wrong[0] >= "\ud800":
                return f"expected Unicode text as {name}, got half of a surrogate pair in {text[:60]!a}"
            return f"expected no control characters in the {name}, got {text[:60]!a}"
    if call.key.count("/") < 2 or not all(call.key.split("/", 2)):
        return f"expected a key service/version/name, got {call.key[:60]!a}"
    for at in (call.scheduled_at, call.since):
        if at is not None and not FIRST_MS <= at <= LAST_MS:
            return f"expected an instant in the years 1 to 9999, got {at} ms"
    if call.kind in (CallKind.MANUAL, CallKind.REPLAY) and not call.request:
        return f"a {call.kind} call needs a request id, so that its repetition is a duplicate"
    return None
