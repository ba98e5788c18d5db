"""Where something was declared, and errors that say so."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from purista.errors import DeclarationError

__all__ = ["Declaring", "locate", "locate_raised", "origin"]

Origin = tuple[str, int]


def origin() -> Origin | None:
    """File and line of the innermost caller that is not purista itself."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("purista."):
        frame = frame.f_back  # type: ignore[assignment]
    return None if frame is None else (frame.f_code.co_filename, frame.f_lineno)


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


def locate_raised(error: DeclarationError) -> None:
    """Do that for an error that came up before a schedule was begun, such as that of an expression: by its traceback."""
    found, trace = None, error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_globals.get("__name__", "")
        if not name.startswith(("purista.", "importlib", "_frozen_importlib")):
            found = trace
        trace = trace.tb_next
    if found is not None:
        place = (found.tb_frame.f_code.co_filename, found.tb_lineno)
        locate(error, place, _key_around(found.tb_frame, found.tb_lineno))


def _key_around(frame: FrameType, line: int) -> str:
    """The key of the ``service.schedule("name", …)`` that this line of source belongs to; empty where none is found."""
    import ast  # noqa: PLC0415 - only who declares something wrong pays for it

    try:
        source = ast.parse(Path(frame.f_code.co_filename).read_text("utf-8"))
    except (OSError, ValueError, SyntaxError):
        return ""
    for call in ast.walk(source):
        if not isinstance(call, ast.Call) or not call.lineno <= line <= (call.end_lineno or 0) or not call.args:
            continue
        name, called = call.args[0], call.func
        if isinstance(called, ast.Attribute) and called.attr == "schedule" and isinstance(called.value, ast.Name):
            service: Any = (frame.f_globals | frame.f_locals).get(called.value.id)
            if isinstance(name, ast.Constant) and hasattr(service, "version") and hasattr(service, "name"):
                return f"{service.name}/{service.version}/{name.value!s}"
    return ""


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
