"""JSON text that says one thing only: UTF-8, no key twice, numbers every reader holds, bounded depth and size.

What belongs here: reading text into values, with the JSON path of the first offence. What the values mean is read in
``contract.entry`` and ``contract.manifest``.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from purista.errors import ManifestError

__all__ = ["MAX_BYTES", "MAX_DEPTH", "child", "parse"]

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64
_MAX_INTEGER = 2**53 - 1
_HALF = re.compile("[\ud800-\udfff]")
_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*\Z")


def child(path: str, key: str | int) -> str:
    """The JSON path of a member: ``$.schedules[2].name``; keys that are no plain words in brackets and quotes."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if _PLAIN_KEY.match(key) else f"{path}[{json.dumps(key[:60])}]"


class _Fault:
    """Stands where something unreadable was found, until the walk knows its path."""

    __slots__ = ("message",)

    def __init__(self, message: str) -> None:
        self.message = message


class _Twice(dict[str, Any]):
    """An object in which ``key`` stood twice."""

    key: str


def parse(text: str | bytes, *, max_bytes: int = MAX_BYTES) -> Any:
    """The value that ``text`` says.

    :raises purista.errors.ManifestError: with the path of the first offence.
    """
    source = _decoded(text, max_bytes)
    try:
        value = json.loads(
            source, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_real
        )
    except json.JSONDecodeError as error:
        msg = f"expected JSON, got something else in line {error.lineno}, column {error.colno}: {error.msg}"
        raise ManifestError(msg) from None
    except RecursionError:
        _too_deep("$")
    _walk(value, "$", 0)
    return value


def _decoded(text: str | bytes, max_bytes: int) -> str:
    if len(text) > max_bytes:
        msg = f"expected at most {max_bytes:,} bytes, got {len(text):,}; write one manifest per environment or service"
        raise ManifestError(msg)
    if isinstance(text, bytes | bytearray | memoryview):
        try:
            text = bytes(text).decode("utf-8")
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            msg = f"expected UTF-8, got the byte 0x{byte:02x} at offset {error.start}; save the file as UTF-8"
            raise ManifestError(msg) from None
    if not isinstance(text, str):
        msg = f"expected JSON as text or bytes, got {type(text).__name__}"
        raise ManifestError(msg)
    if text.startswith("\ufeff"):
        msg = "expected JSON, got a byte order mark; save the file as UTF-8 without BOM"
        raise ManifestError(msg)
    return text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    seen: set[str] = set()
    twice = _Twice(value)
    for key, _ in pairs:
        if key in seen:
            twice.key = key
            break
        seen.add(key)
    return twice


def _constant(name: str) -> _Fault:
    return _Fault(f"expected a JSON value, got {name}; write null or a number")


def _integer(digits: str) -> int | _Fault:
    if len(digits) > 17 or abs(number := int(digits)) > _MAX_INTEGER:
        return _Fault(
            f"expected an integer up to 2^53-1, got {digits[:20]} ({len(digits)} characters); write it as text"
        )
    return number


def _real(digits: str) -> float | _Fault:
    number = float(digits)
    return number if math.isfinite(number) else _Fault(f"expected a number that a double holds, got {digits[:20]}")


def _too_deep(path: str) -> NoReturn:
    msg = f"expected at most {MAX_DEPTH} levels, got more; write a flatter document"
    raise ManifestError(msg, path=path if len(path) < 200 else f"{path[:200]}…")


def _walk(value: Any, path: str, depth: int) -> None:
    if isinstance(value, _Fault):
        raise ManifestError(value.message, path=path)
    if depth > MAX_DEPTH:
        _too_deep(path)
    if isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, dict):
        if isinstance(value, _Twice):
            msg = f"expected every key once, got {value.key[:60]!a} twice; write it once"
            raise ManifestError(msg, path=path)
        for key, item in value.items():
            _check_text(key, path)
            _walk(item, child(path, key), depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _walk(item, child(path, index), depth + 1)


def _check_text(text: str, path: str) -> None:
    if _HALF.search(text):
        msg = f"expected Unicode text, got half of a surrogate pair in {text[:60]!a}; write the whole character"
        raise ManifestError(msg, path=path)
