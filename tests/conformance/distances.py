"""Intervals, single instants and bounds, found by looking at every second or minute there is."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.made import Made, below, cron, interval, one_of, slug
from tests.conformance.zones import iso, seconds
from tests.recurrence.oracle import by_date, rule

MINUTE, HOUR, DAY = 60, 3_600, 86_400
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
EVERY = [
    1, 7, 10, 30, 45, 60, 90, 120, 300, 420, 900, 1_020, 1_800, 2_700, 3_600, 5_400, 7_200, 9_000, 10_800, 14_400, 25_200,
    43_200, 86_400, 129_600, 172_800, 604_800, 864_000, 2_592_000,
]  # fmt: skip
RULES = ["30 2 * * *", "0 0-23/3 * * *", "0 * * * *", "15 12 1 * *", "0 6 * * 1-5", "45 1 13 * 5", "*/20 1-3 * * *"]


def made() -> Iterator[Made]:
    yield from _intervals()
    yield from _single()
    yield from _bounded()


def _counted(every: int, offset: int, start: int, end: int) -> tuple[int, ...]:
    """Look at each second; at each minute where it can only be full ones."""
    step = MINUTE if every % MINUTE == offset % MINUTE == start % MINUTE == 0 else 1
    return tuple(at for at in range(start, end, step) if (at - offset) % every == 0)


def _intervals() -> Iterator[Made]:
    for every in EVERY:
        for number, zone in enumerate(ZONES):
            unit = MINUTE if every % MINUTE == 0 else 1
            offset = 0 if number == 0 or every == unit else below(every // unit, every, zone) * unit
            start = seconds("2026-01-01 00:00") + below(700 * 24, every, zone, "start") * HOUR
            if number == 1:
                start = seconds("2026-03-29 01:00") - 4 * every // HOUR * HOUR  # clocks change inside
            end = start + every * 8
            due = _counted(every, offset, start, end)
            later = f", {offset} s later" if offset else ""
            words = f"Every {every} s since 1970-01-01T00:00:00Z{later}; the zone is for display."
            yield Made(
                f"distances/every-{every}-{slug(zone)}", "interval", interval(every, offset), zone, start, end, due, words
            )  # fmt: skip


def _single() -> Iterator[Made]:
    for number in range(40):
        zone = one_of(ZONES, number, "one shot")
        at = seconds("2026-01-01 00:00") + below(800 * 1440, number, "at") * MINUTE
        start = at - one_of((0, 1, HOUR, DAY), number, "before")
        end = at + one_of((0, 1, HOUR, DAY), number, "after")
        if end == start:
            end += 1
        due = tuple(second for second in range(start, end) if second == at)
        words = "The window holds it." if due else "The window ends with it, and an end does not belong to a window."
        expression = {"kind": "oneShot", "runAt": iso(at)}
        yield Made(f"distances/once-{number + 1:02d}", "one-shot", expression, zone, start, end, due, words)


def _bounded() -> Iterator[Made]:
    """Bounds at an occurrence, a minute beside one, and anywhere."""
    for text in RULES:
        for zone in ZONES:
            for year in (2026, 2027):
                start = seconds(f"{year}-02-01 00:00") + below(300, text, zone, year) * DAY
                end = start + (200 if "1 *" in text or "13" in text else 4) * DAY
                due = by_date(rule(text), zone, start, end)
                about = (text, zone, year)
                low = one_of(due, *about, "low") + one_of((-MINUTE, 0, MINUTE), *about, "beside")
                high = end if below(3, *about, "open") == 0 else one_of([*due, end], *about, "high")
                if high <= low:
                    high = low + DAY
                kept = tuple(at for at in due if low <= at < high)
                words = f"Of {len(due)} in the window {len(kept)} are from {iso(low)} on and before {iso(high)}."
                name = f"distances/bounds-{RULES.index(text) + 1}-{slug(zone)}-{year}"
                yield Made(name, "bounds", cron(text), zone, start, end, kept, words, low, high)
