"""Values as Python source, laid out as formatters leave it: all on one line, or one item a line with a comma at the end."""

from __future__ import annotations

import keyword
import math
from datetime import datetime, timedelta
from typing import Any

from purista.importers.base import NotCarried

__all__ = ["Name", "call", "literal"]

WIDTH = 88


class Name(str):
    """A name of the module's, not a text."""

    __slots__ = ()


_BRACKETS: dict[type, tuple[str, str]] = {dict: ("{", "}"), list: ("[", "]"), tuple: ("(", ")")}


def literal(value: Any, indent: int = 0, used: int = 0) -> str:
    """Source that is ``value``. ``indent`` is where its line begins, ``used`` how much of the line is taken beside it.

    :raises NotCarried: for what has no such source.
    """
    flat = _flat(value)
    if indent + used + len(flat) <= WIDTH or type(value) not in _BRACKETS or not value:
        return flat
    inner = indent + 4
    if type(value) is dict:
        items = [f"{_flat(k)}: {literal(v, inner, len(_flat(k)) + 3)}," for k, v in value.items()]
    else:
        items = [f"{literal(v, inner, 1)}," for v in value]
    opening, closing = _BRACKETS[type(value)]
    body = "".join(f"{' ' * inner}{item}\n" for item in items)
    return f"{opening}\n{body}{' ' * indent}{closing}"


def _flat(value: Any) -> str:
    kind = type(value)
    if isinstance(value, Name):
        return str(value)
    if isinstance(value, str):
        return _text(str(value))
    if value is None or kind in {bool, int} or (kind is float and math.isfinite(value)):
        return repr(value)
    if kind is dict:
        return "{" + ", ".join(f"{_flat(k)}: {_flat(v)}" for k, v in value.items()) + "}"
    if kind is list:
        return "[" + ", ".join(map(_flat, value)) + "]"
    if kind is tuple:
        return "(" + ", ".join(map(_flat, value)) + ("," if len(value) == 1 else "") + ")"
    if kind is timedelta:
        return f"timedelta(seconds={value.total_seconds():.12g})"
    if kind is datetime:
        return f'datetime.fromisoformat("{value.isoformat()}")'
    message = f"its arguments hold a {kind.__module__}.{kind.__qualname__}, which cannot be written into a module"
    raise NotCarried(message, "write this job by hand, and make the value in its worker")


def _text(value: str) -> str:
    """In the quotes that escape less; double ones if it makes no difference."""
    quote = '"' if value.count('"') <= value.count("'") else "'"
    body = "".join(f"\\{c}" if c == quote else c if c in "\"'" else repr(c)[1:-1] for c in value)
    return f"{quote}{body}{quote}"


def call(function: str, /, *arguments: Any, **options: Any) -> list[str]:
    """A call inside a function, one argument a line: how formatters leave it whatever the length of their lines."""
    lines = [f"{function}("]
    lines += [f"    {literal(value, 8, 1)}," for value in arguments]
    if any(not name.isidentifier() or keyword.iskeyword(name) for name in options):
        return [*lines, f"    **{literal(options, 8, 3)},", ")"]
    lines += [f"    {name}={literal(value, 8, len(name) + 2)}," for name, value in options.items()]
    return [*lines, ")"]
