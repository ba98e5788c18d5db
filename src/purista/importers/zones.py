"""What other libraries call a zone → its name in the tz database."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from purista.errors import InvalidTimezone
from purista.importers.base import NotCarried
from purista.recurrence import get_zone

__all__ = ["zone_name"]

_UTC = frozenset({"UTC", "Etc/UTC", "GMT", "datetime.timezone.utc"})


def zone_name(zone: tzinfo | str | None) -> str:
    """The name of ``zone``: a name, a ``ZoneInfo``, a zone of pytz or dateutil, a fixed offset of whole hours.

    :raises NotCarried: for a zone without a name.
    """
    for name in (zone, getattr(zone, "key", None), getattr(zone, "zone", None), str(zone)):
        if isinstance(name, str) and name in _UTC:
            return "UTC"
        if isinstance(name, str) and _known(name):
            return name
    hours = _hours(zone)
    if hours is not None:
        return f"Etc/GMT{-hours:+d}" if hours else "UTC"  # POSIX counts westward
    raise NotCarried(
        f"its zone {str(zone)[:60]!r} has no name in the tz database", "write the job by hand, with timezone="
    )


def _known(name: str) -> bool:
    try:
        get_zone(name)
    except InvalidTimezone:
        return False
    return True


def _hours(zone: tzinfo | str | None) -> int | None:
    """The offset of a zone that has but one, in whole hours."""
    if not isinstance(zone, tzinfo):
        return None
    offsets = {zone.utcoffset(datetime(2026, month, 1)) for month in (1, 7)}  # noqa: DTZ001 - zones are asked about wall times
    offset = offsets.pop() if len(offsets) == 1 else None
    if offset is None or offset % timedelta(hours=1) or not -12 <= offset / timedelta(hours=1) <= 14:
        return None
    return offset // timedelta(hours=1)
