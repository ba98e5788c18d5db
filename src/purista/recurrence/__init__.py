"""Rule → instants. Pure: no clock, no I/O, no policy.

What belongs here: expressions, zones, and when something is due. What does not: what is done about it (``gateway``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from purista.recurrence.cron import Cron
from purista.recurrence.expression import Expression, expression_from_dict, expression_to_dict
from purista.recurrence.fields import CronField
from purista.recurrence.interval import Interval, OneShot
from purista.recurrence.recurrence import Recurrence
from purista.recurrence.zone import Transition, get_zone, transitions

if TYPE_CHECKING:
    from purista.recurrence.explain import Explanation as Explanation
    from purista.recurrence.special import SpecialDay as SpecialDay

__all__ = [
    "Cron", "CronField", "Explanation", "Expression", "Interval", "OneShot", "Recurrence", "SpecialDay", "Transition",
    "expression_from_dict", "expression_to_dict", "get_zone", "transitions",
]  # fmt: skip

_LAZY = {"Explanation": "explain", "SpecialDay": "special"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'purista.recurrence' has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - only those who explain pay for it

    return getattr(importlib.import_module(f"purista.recurrence.{_LAZY[name]}"), name)
