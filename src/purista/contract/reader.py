"""Typed, strict reading of one JSON object: the right type at every key, or an error with the path.

What belongs here: types and sizes. Which keys there are is said by ``contract.entry`` and ``contract.manifest``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

from purista.clock import from_iso
from purista.contract.identity import validate_name
from purista.contract.strict_json import child
from purista.errors import InvalidSchedule, ManifestError

__all__ = ["MAX_ITEMS", "MAX_TEXT", "Reader", "kind_of"]

MAX_TEXT = 64 * 1024
MAX_ITEMS = 1000
_MAX_MS = 100 * 366 * 86_400_000  # a century: longer durations are a unit mistaken
_KINDS = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", int: "an integer", float: "a number"}
_E = TypeVar("_E", bound=StrEnum)


def kind_of(value: Any) -> str:
    """What JSON calls this value."""
    return "null" if value is None else _KINDS.get(type(value), type(value).__name__)


class Reader:
    """One JSON object and where it stands."""

    __slots__ = ("path", "value")

    def __init__(self, value: Any, path: str) -> None:
        if not isinstance(value, Mapping):
            msg = f"expected an object, got {kind_of(value)}"
            raise ManifestError(msg, path=path)
        self.value, self.path = value, path

    def fail(self, key: str, message: str) -> NoReturn:
        """Refuse what stands at ``key``."""
        raise ManifestError(message, path=child(self.path, key))

    def unknown(self, known: Iterable[str]) -> tuple[str, ...]:
        """The keys nobody knows, in order."""
        return tuple(sorted(set(self.value) - set(known)))

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Refuse the first unknown key: an option that is not understood would not be kept."""
        import difflib  # noqa: PLC0415 - only an error needs it

        known = sorted(known)
        for key in self.unknown(known):
            near = difflib.get_close_matches(key, known, n=1)
            fix = f"write {near[0]!r}" if near else "remove it, or read this with the purista that wrote it"
            self.fail(key, f"expected one of PURISTA's keys, got {key[:60]!a}; {fix}")

    def _typed(self, key: str, kind: type, *, needed: bool) -> Any:
        if key not in self.value:
            if needed:
                self.fail(key, f"expected {_KINDS[kind]}, got nothing; this key is required")
            return None
        value = self.value[key]
        if isinstance(value, kind) and (kind is not int or not isinstance(value, bool)):
            return value
        fix = "; leave the key out instead" if value is None else ""
        return self.fail(key, f"expected {_KINDS[kind]}, got {kind_of(value)}{fix}")

    def text(self, key: str, *, needed: bool = False) -> str | None:
        """A text of bounded length."""
        value: str | None = self._typed(key, str, needed=needed)
        if value is not None and len(value) > MAX_TEXT:
            self.fail(key, f"expected at most {MAX_TEXT:,} characters, got {len(value):,}")
        return value

    def name(self, key: str, kind: str) -> str:
        """A required name."""
        return self._named(key, kind, self.text(key, needed=True) or "")

    def optional_name(self, key: str, kind: str) -> str | None:
        """A name, or nothing."""
        value = self.text(key)
        return None if value is None else self._named(key, kind, value)

    def _named(self, key: str, kind: str, value: str) -> str:
        try:
            return validate_name(kind, value)
        except InvalidSchedule as error:
            self.fail(key, str(error))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; absent means empty."""
        values = self._typed(key, list, needed=False) or []
        if len(values) > MAX_ITEMS:
            self.fail(key, f"expected at most {MAX_ITEMS:,} items, got {len(values):,}")
        for index, value in enumerate(values):
            if not isinstance(value, str):
                raise ManifestError(f"expected a text, got {kind_of(value)}", path=child(child(self.path, key), index))
        return tuple(values)

    def integer(self, key: str, *, at_least: int = 0, at_most: int = _MAX_MS) -> int | None:
        """An integer within bounds, or nothing. ``5.0`` is no integer."""
        value: int | None = self._typed(key, int, needed=False)
        if value is not None and not at_least <= value <= at_most:
            self.fail(key, f"expected an integer from {at_least} to {at_most}, got {value}")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """A boolean."""
        value: bool | None = self._typed(key, bool, needed=False)
        return default if value is None else value

    def object(self, key: str, *, needed: bool = False) -> Mapping[str, Any] | None:
        """An object, or nothing."""
        value: Mapping[str, Any] | None = self._typed(key, dict, needed=needed)
        return value

    def json(self, key: str) -> Any:
        """Any JSON value but null, which is written by leaving the key out."""
        if key in self.value and self.value[key] is None:
            self.fail(key, "expected a JSON value, got null; leave the key out instead")
        return self.value.get(key)

    def choice(self, key: str, kind: type[_E], default: _E | None = None) -> _E:
        """One word of an enumeration, in PURISTA's spelling."""
        value = self.text(key, needed=default is None)
        if value is None:
            assert default is not None  # noqa: S101 - for mypy: text() has refused a needed key that is absent
            return default
        try:
            return kind(value)
        except ValueError:
            self.fail(key, f"expected one of {', '.join(kind)}, got {value[:60]!a}")

    def instant(self, key: str) -> int | None:
        """Milliseconds since the epoch of an ISO 8601 text with offset, or nothing."""
        value = self.text(key)
        if value is None:
            return None
        try:
            return from_iso(value)
        except (ValueError, OverflowError):
            self.fail(key, f"expected an instant such as '2026-01-01T00:00:00.000Z', got {value[:60]!a}")
