"""Where something was declared, and errors that say so."""

from __future__ import annotations

import os
import sys
from types import TracebackType

from purista.errors import DeclarationError

__all__ = ["Declaring", "locate", "origin", "raised_at"]

Origin = tuple[str, int]


def origin() -> Origin | None:
    """File and line of the innermost caller that is not purista itself."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("purista."):
        frame = frame.f_back  # type: ignore[assignment]
    return None if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def raised_at(trace: TracebackType | None) -> Origin | None:
    """File and line of the innermost frame of a traceback that is not purista itself, nor the import of a module."""
    found = None
    while trace is not None:
        name = trace.tb_frame.f_globals.get("__name__", "")
        if not name.startswith(("purista.", "importlib", "_frozen_importlib")):
            found = (trace.tb_frame.f_code.co_filename, trace.tb_lineno)
        trace = trace.tb_next
    return found


def locate(error: DeclarationError, place: Origin | None, key: str = "") -> None:
    """Put file, line and the schedule's key before the words of an error, once."""
    if error.origin is not None or place is None:
        return
    error.origin = place
    text = str(error)
    if key and not text.startswith(f"{key}: "):
        text = f"{key}: {text.removeprefix(key.rpartition('/')[2] + ': ')}"
    error.args = (f"{_near(place[0])}:{place[1]}: {text}", *error.args[1:])


def _near(path: str) -> str:
    """As somebody would name it who is in this directory."""
    try:
        near = os.path.relpath(path)
    except (ValueError, OSError):  # another drive, or no directory any more
        return path
    return path if near.startswith("..") else near


class Declaring:
    """``with Declaring(key):`` errors of declaring say which schedule they are about, and where it is."""

    __slots__ = ("_key",)

    def __init__(self, key: str) -> None:
        self._key = key

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, DeclarationError):
            locate(error, origin(), self._key)
