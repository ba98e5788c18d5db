"""Message texts by filling in what differs: a schedule's messages are equal but for a dozen ids, instants and numbers.

The mould is a message of the usual kind, written once with a mark in each of those places and cut there; so there is one
description of a message (``purista.messages``), and a test that both ways give the same bytes. What is filled in is made
by us and needs no escaping (ids, ISO instants, integers); the payload is JSON already.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

__all__ = ["Mould"]

Values = Sequence[str]
_NUMBER = 777_000_000_000_000
"""Marks of integers are this plus their place: no instant or fence comes near it, and JSON writes them as they are."""


class Mould:
    """``write`` gets a mark for each name and returns the message's text; names in ``numbers`` get integers."""

    __slots__ = ("_cuts", "_order")

    def __init__(
        self, names: Sequence[str], numbers: Sequence[str], write: Callable[[dict[str, str | int]], str]
    ) -> None:
        marks: dict[str, str | int] = {
            name: _NUMBER + place if name in numbers else f"mark{place:03d}purista" for place, name in enumerate(names)
        }
        text = write(marks)
        found = re.split("(" + "|".join(re.escape(str(mark)) for mark in marks.values()) + ")", text)
        places = {str(mark): place for place, mark in enumerate(marks.values())}
        self._cuts = found[::2]
        self._order = [places[mark] for mark in found[1::2]]

    def fill(self, values: Values) -> str:
        """The message with ``values``, in the order of the names."""
        cuts, parts = self._cuts, [self._cuts[0]]
        for place, after in zip(self._order, cuts[1:], strict=True):
            parts.append(values[place])
            parts.append(after)
        return "".join(parts)
