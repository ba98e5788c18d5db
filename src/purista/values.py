"""Values of the hot path: frozen for the type checker, which every change passes, and cheap to make at run time.

A frozen dataclass sets each field through ``object.__setattr__``; a decision makes about a hundred fields, and that was
15 % of its time (``bench/bench_simulation.py``). What users make themselves stays frozen at run time too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:
    from dataclasses import dataclass

    def value(*, frozen: bool, slots: bool) -> object:
        """As ``dataclass(frozen=…, slots=…)``: equal and hashed by its fields."""
        return dataclass(slots=slots, unsafe_hash=frozen)


__all__ = ["value"]
