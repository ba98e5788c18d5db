"""Cases derived by hand: what is due, and why, in words. Changes of clocks are given as the tz database has them.

``purista`` is not asked here. Instants are UTC; those of the same date as the one before are given by their time alone.
"""

# ruff: noqa: E501 - a table of sentences
from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Given:
    """``rule`` is cron text, seconds (and an offset) of an interval, or the instant of a one shot."""

    id: str
    about: str
    rule: str | tuple[int, int]
    zone: str
    start: str
    end: str
    due: str
    why: str
    starts_at: str | None = None
    ends_at: str | None = None

    @property
    def expression(self) -> dict[str, Any]:
        if isinstance(self.rule, tuple):
            every, offset = self.rule
            found = {"kind": "interval", "everyMs": every * 1000}
            return found | {"offsetMs": offset * 1000} if offset else found
        if self.rule.endswith("Z"):
            return {"kind": "oneShot", "runAt": self.rule}
        return {"kind": "cron", "value": self.rule}


BERLIN, NEW_YORK, HOWE, CASABLANCA = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"
CAIRO, HAVANA, APIA, AZORES, GAZA = "Africa/Cairo", "America/Havana", "Pacific/Apia", "Atlantic/Azores", "Asia/Gaza"
TROLL, KATHMANDU = "Antarctica/Troll", "Asia/Kathmandu"
SPRING = ("2026-03-28 12:00", "2026-03-29 12:00")
AUTUMN = ("2026-10-24 12:00", "2026-10-25 12:00")
G, B = "Berlin 2026-03-29: 02:00 becomes 03:00 at 01:00Z.", "Berlin 2026-10-25: 03:00 becomes 02:00 at 01:00Z."
NG, NO = "New York 2026-03-08: 02:00 becomes 03:00 at 07:00Z.", "New York 2026-11-01: 02:00 becomes 01:00 at 06:00Z."

GIVEN = [
    # Berlin, an hour each way.
    Given("berlin-gap-inside", "gap-fixed", "30 2 * * *", BERLIN, *SPRING, "2026-03-29 01:00",
          f"{G} 02:30 does not exist, so it is due when the clock has jumped over it: at 03:00, which is 01:00Z."),
    Given("berlin-gap-begin", "gap-fixed", "0 2 * * *", BERLIN, *SPRING, "2026-03-29 01:00",
          f"{G} 02:00 is the first local time that is not shown; it is in the gap too."),
    Given("berlin-gap-last-minute", "gap-fixed", "59 2 * * *", BERLIN, *SPRING, "2026-03-29 01:00",
          f"{G} 02:59 is the last minute of the gap; it is not due an hour later at 03:59, but right after the gap."),
    Given("berlin-gap-only-that-date", "gap-fixed", "30 2 29 3 *", BERLIN, "2026-03-01 00:00", "2026-04-15 00:00",
          "2026-03-29 01:00", f"{G} The one date of the year on which this is due has no 02:30: due at 03:00."),
    Given("berlin-gap-sundays", "gap-fixed", "30 2 * * 0", BERLIN, "2026-03-20 00:00", "2026-04-07 00:00",
          "2026-03-22 01:30 2026-03-29 01:00 2026-04-05 00:30",
          f"{G} It is a Sunday. The Sundays around it have their 02:30: at +01:00 before, at +02:00 after."),
    Given("berlin-gap-end", "beside-change", "0 3 * * *", BERLIN, *SPRING, "2026-03-29 01:00",
          f"{G} 03:00 is shown, and it is the first local time after the gap."),
    Given("berlin-gap-minute-before", "beside-change", "59 1 * * *", BERLIN, *SPRING, "2026-03-29 00:59",
          f"{G} 01:59 is the last local time before it, still at +01:00."),
    Given("berlin-gap-hour-after", "beside-change", "30 3 * * *", BERLIN, *SPRING, "2026-03-29 01:30",
          f"{G} 03:30 is at +02:00 already."),
    Given("berlin-gap-two-times", "gap-together", "0 2,3 * * *", BERLIN, *SPRING, "2026-03-29 01:00",
          f"{G} 02:00 is made up for at 03:00, and 03:00 is named: one instant, one occurrence, not two."),
    Given("berlin-gap-four-times", "gap-together", "0-59/15 2 * * *", BERLIN, *SPRING, "2026-03-29 01:00",
          f"{G} All four times of the hour are in the gap and fall together right after it. The minute begins with a digit: fixed."),
    Given("berlin-gap-every-hour-fixed", "gap-together", "0 0-23 * * *", BERLIN, "2026-03-29 00:00", "2026-03-29 04:00",
          "2026-03-29 00:00 01:00 02:00 03:00",
          f"{G} 0-23 names every hour without a star, so it is fixed: 02:00 is made up for at 03:00, which is due anyway."),
    Given("berlin-gap-quarter-past-fixed", "gap-fixed", "15 0-23/2 * * *", BERLIN, "2026-03-28 23:00", "2026-03-29 04:00",
          "2026-03-28 23:15 2026-03-29 01:00 02:15", f"{G} 02:15 is made up for at 03:00; 04:15 is 02:15Z."),
    Given("berlin-gap-wildcard-hour", "gap-wildcard", "30 * * * *", BERLIN, "2026-03-29 00:00", "2026-03-29 03:00",
          "2026-03-29 00:30 01:30 02:30",
          f"{G} The hour is a star: it follows elapsed time, an hour from one to the next. 01:30, 03:30, 04:30 local."),
    Given("berlin-gap-wildcard-minute", "gap-wildcard", "*/15 2 * * *", BERLIN, *SPRING, "",
          f"{G} The minute begins with a star: a wildcard. The hour of 02 is not shown, so nothing is due, and nothing is made up for."),
    Given("berlin-gap-wildcard-step-hour", "gap-wildcard", "0 */2 * * *", BERLIN, "2026-03-28 22:00", "2026-03-29 05:00",
          "2026-03-28 23:00 2026-03-29 02:00 04:00", f"{G} */2 begins with a star. 00:00, no 02:00, then 04:00 and 06:00 at +02:00."),
    Given("berlin-overlap-inside", "overlap-fixed", "30 2 * * *", BERLIN, *AUTUMN, "2026-10-25 00:30",
          f"{B} 02:30 comes at 00:30Z (+02:00) and again at 01:30Z (+01:00): due the first time only."),
    Given("berlin-overlap-begin", "overlap-fixed", "0 2 * * *", BERLIN, *AUTUMN, "2026-10-25 00:00",
          f"{B} 02:00 comes at 00:00Z, and again at 01:00Z right when clocks are set back: due the first time."),
    Given("berlin-overlap-end", "beside-change", "0 3 * * *", BERLIN, *AUTUMN, "2026-10-25 02:00",
          f"{B} 03:00 is not shown in the first pass, for clocks go back the instant it would be; it is shown once, at 02:00Z."),
    Given("berlin-overlap-before", "beside-change", "59 1 * * *", BERLIN, *AUTUMN, "2026-10-24 23:59",
          f"{B} 01:59 comes once, a minute before the first 02:00."),
    Given("berlin-overlap-two-times", "overlap-fixed", "0 2,3 * * *", BERLIN, *AUTUMN, "2026-10-25 00:00 02:00",
          f"{B} 02:00 in the first pass, 03:00 after the second: two hours apart by the clock of elapsed time."),
    Given("berlin-overlap-every-hour-fixed", "overlap-fixed", "0 0-23 * * *", BERLIN, "2026-10-24 23:00", "2026-10-25 04:00",
          "2026-10-24 23:00 2026-10-25 00:00 02:00 03:00", f"{B} Fixed, so 02:00 of the second pass (01:00Z) is left out."),
    Given("berlin-overlap-wildcard-hour", "overlap-wildcard", "30 * * * *", BERLIN, "2026-10-24 23:00", "2026-10-25 03:00",
          "2026-10-24 23:30 2026-10-25 00:30 01:30 02:30", f"{B} An hour from one to the next: 01:30, 02:30, 02:30, 03:30 local."),
    Given("berlin-overlap-wildcard-minute", "overlap-wildcard", "*/20 2 * * *", BERLIN, *AUTUMN,
          "2026-10-25 00:00 00:20 00:40 01:00 01:20 01:40", f"{B} The hour of 02 is shown twice and a wildcard is due both times."),
    Given("berlin-overlap-fixed-twin", "overlap-fixed", "0-59/20 2 * * *", BERLIN, *AUTUMN, "2026-10-25 00:00 00:20 00:40",
          f"{B} The same minutes as */20, but the field begins with a digit: fixed, so the first pass only."),
    Given("berlin-overlap-monday-after", "beside-change", "30 2 * * 1", BERLIN, "2026-10-24 12:00", "2026-10-27 12:00",
          "2026-10-26 01:30", f"{B} On Monday 02:30 comes once, at +01:00."),
    # New York, west of Greenwich: local dates lie before those of UTC.
    Given("new-york-gap-inside", "gap-fixed", "30 2 * * *", NEW_YORK, "2026-03-07 12:00", "2026-03-08 12:00", "2026-03-08 07:00",
          f"{NG} 02:30 does not exist: due at 03:00, which is 07:00Z at -04:00."),
    Given("new-york-gap-workdays", "beside-change", "30 2 * * 1-5", NEW_YORK, "2026-03-06 00:00", "2026-03-10 00:00",
          "2026-03-06 07:30 2026-03-09 06:30", f"{NG} It is a Sunday; on Friday 02:30 is 07:30Z, on Monday 06:30Z."),
    Given("new-york-overlap-inside", "overlap-fixed", "30 1 * * *", NEW_YORK, "2026-10-31 12:00", "2026-11-01 12:00",
          "2026-11-01 05:30", f"{NO} 01:30 comes at 05:30Z (-04:00) and at 06:30Z (-05:00): the first."),
    Given("new-york-overlap-wildcard", "overlap-wildcard", "0 */1 * * *", NEW_YORK, "2026-11-01 04:00", "2026-11-01 08:00",
          "2026-11-01 04:00 05:00 06:00 07:00", f"{NO} 00:00, 01:00, 01:00 again, 02:00."),
    Given("new-york-overlap-first-of-month", "overlap-fixed", "15 1 1 * *", NEW_YORK, "2026-10-15 00:00", "2026-12-15 00:00",
          "2026-11-01 05:15 2026-12-01 06:15", f"{NO} The first of the month has 01:15 twice; a monthly job runs once."),
    # Lord Howe Island: half an hour.
    Given("lord-howe-gap-inside", "gap-fixed", "15 2 * * *", HOWE, "2026-10-03 12:00", "2026-10-04 12:00", "2026-10-03 15:30",
          "Lord Howe 2026-10-04: 02:00 becomes 02:30 at 15:30Z. 02:15 is in the half hour that is missing: due at 02:30."),
    Given("lord-howe-gap-outside", "beside-change", "45 2 * * *", HOWE, "2026-10-03 12:00", "2026-10-04 12:00", "2026-10-03 15:45",
          "Lord Howe 2026-10-04: 02:00 becomes 02:30 at 15:30Z. 02:45 exists, at +11:00."),
    Given("lord-howe-gap-together", "gap-together", "0,15,30 2 * * *", HOWE, "2026-10-03 12:00", "2026-10-04 12:00",
          "2026-10-03 15:30", "Lord Howe 2026-10-04: 02:00 becomes 02:30 at 15:30Z. 02:00 and 02:15 fall together with 02:30."),
    Given("lord-howe-overlap-inside", "overlap-fixed", "45 1 * * *", HOWE, "2026-04-04 12:00", "2026-04-05 12:00",
          "2026-04-04 14:45", "Lord Howe 2026-04-05: 02:00 becomes 01:30 at 15:00Z. 01:45 comes at 14:45Z and 15:15Z: the first."),
    Given("lord-howe-overlap-outside", "beside-change", "15 1 * * *", HOWE, "2026-04-04 12:00", "2026-04-05 12:00",
          "2026-04-04 14:15", "Lord Howe 2026-04-05: 02:00 becomes 01:30 at 15:00Z. 01:15 is not among what comes twice."),
    Given("lord-howe-overlap-wildcard", "overlap-wildcard", "45 * * * *", HOWE, "2026-04-04 14:00", "2026-04-04 17:00",
          "2026-04-04 14:45 15:15 16:15",
          "Lord Howe 2026-04-05: 02:00 becomes 01:30 at 15:00Z. 01:45 twice, half an hour apart; then 02:45 at +10:30."),
    Given("lord-howe-gap-wildcard", "gap-wildcard", "0 * * * *", HOWE, "2026-10-03 14:00", "2026-10-03 18:00",
          "2026-10-03 14:30 16:00 17:00",
          "Lord Howe 2026-10-04: 02:00 becomes 02:30 at 15:30Z. 01:00, no 02:00, then 03:00 at +11:00: an hour and a half between."),
    # Casablanca: back in February, forward in March, because of Ramadan.
    Given("casablanca-overlap-february", "overlap-fixed", "30 2 * * *", CASABLANCA, "2026-02-14 12:00", "2026-02-15 12:00",
          "2026-02-15 01:30", "Casablanca 2026-02-15: 03:00 becomes 02:00 at 02:00Z. 02:30 comes at 01:30Z and 02:30Z: the first."),
    Given("casablanca-gap-march", "gap-fixed", "30 2 * * *", CASABLANCA, "2026-03-21 12:00", "2026-03-22 12:00",
          "2026-03-22 02:00", "Casablanca 2026-03-22: 02:00 becomes 03:00 at 02:00Z. 02:30 is due at 03:00."),
    Given("casablanca-ramadan-noon", "beside-change", "0 12 14,15,21,22 2,3 *", CASABLANCA, "2026-02-10 00:00", "2026-03-23 00:00",
          "2026-02-14 11:00 2026-02-15 12:00 2026-02-21 12:00 2026-02-22 12:00 2026-03-14 12:00 2026-03-15 12:00 2026-03-21 12:00 2026-03-22 11:00",
          "During Ramadan Casablanca is at +00:00, else at +01:00: noon is 12:00Z between the two changes, 11:00Z outside."),
    # Cairo: midnight does not exist in April, the hour before it comes twice in October.
    Given("cairo-gap-midnight", "gap-midnight", "0 0 * * *", CAIRO, "2026-04-23 12:00", "2026-04-24 12:00", "2026-04-23 22:00",
          "Cairo 2026-04-24: 00:00 becomes 01:00 at 22:00Z the day before. Midnight of the 24th is due at 01:00 of the 24th."),
    Given("cairo-gap-date", "gap-midnight", "30 0 24 4 *", CAIRO, "2026-04-01 00:00", "2026-05-01 00:00", "2026-04-23 22:00",
          "Cairo 2026-04-24: 00:00 becomes 01:00. 00:30 belongs to the 24th, a date that begins at 01:00."),
    Given("cairo-gap-friday", "gap-midnight", "30 0 * * fri", CAIRO, "2026-04-20 12:00", "2026-05-02 12:00",
          "2026-04-23 22:00 2026-04-30 21:30", "Cairo 2026-04-24, a Friday: 00:30 is in the gap. A week later it exists, at +03:00."),
    Given("cairo-overlap-fixed", "overlap-midnight", "30 23 * * *", CAIRO, "2026-10-29 12:00", "2026-10-30 12:00",
          "2026-10-29 20:30", "Cairo 2026-10-29: 24:00 becomes 23:00 at 21:00Z. 23:30 comes at 20:30Z and 21:30Z: the first."),
    Given("cairo-overlap-midnight-itself", "overlap-midnight", "0 0 * * *", CAIRO, "2026-10-29 12:00", "2026-10-30 12:00",
          "2026-10-29 22:00", "Cairo 2026-10-29: 24:00 becomes 23:00 at 21:00Z. Midnight is not reached in the first pass: it comes once, at 22:00Z."),
    Given("cairo-overlap-wildcard", "overlap-midnight", "30 * 29 10 *", CAIRO, "2026-10-29 19:00", "2026-10-30 03:00",
          "2026-10-29 19:30 20:30 21:30", "Cairo 2026-10-29: 24:00 becomes 23:00. 22:30, then 23:30 twice, all on the 29th."),
    # Havana: midnight comes twice.
    Given("havana-overlap-midnight", "overlap-midnight", "0 0 * * *", HAVANA, "2026-11-01 00:00", "2026-11-01 12:00",
          "2026-11-01 04:00", "Havana 2026-11-01: 01:00 becomes 00:00 at 05:00Z. Midnight comes at 04:00Z and 05:00Z: the first."),
    Given("havana-overlap-wildcard", "overlap-midnight", "0 */1 * * *", HAVANA, "2026-11-01 03:00", "2026-11-01 07:00",
          "2026-11-01 03:00 04:00 05:00 06:00", "Havana 2026-11-01: 01:00 becomes 00:00 at 05:00Z. 23:00, 00:00, 00:00 again, 01:00."),
    Given("havana-gap-midnight", "gap-midnight", "0 0 8 3 *", HAVANA, "2026-03-01 00:00", "2026-03-20 00:00", "2026-03-08 05:00",
          "Havana 2026-03-08: 00:00 becomes 01:00 at 05:00Z. The 8th begins at 01:00, and so does what is due at its midnight."),
    # Apia: 30 December 2011 did not exist.
    Given("apia-daily", "skipped-day", "0 12 * * *", APIA, "2011-12-28 00:00", "2012-01-01 12:00",
          "2011-12-28 22:00 2011-12-29 22:00 2011-12-30 10:00 2011-12-30 22:00 2011-12-31 22:00",
          "Apia went from the end of 29 December (-10:00) to 31 December (+14:00) at 10:00Z on the 30th. Noon of the 30th is due then, noon of the 31st at 22:00Z."),
    Given("apia-that-date", "skipped-day", "0 12 30 12 *", APIA, "2011-12-28 00:00", "2012-01-01 12:00", "2011-12-30 10:00",
          "Apia had no 30 December 2011: due once when the 31st began."),
    Given("apia-every-hour-of-it", "skipped-day", "0 0-23 30 12 *", APIA, "2011-12-28 00:00", "2012-01-01 12:00", "2011-12-30 10:00",
          "Apia had no 30 December 2011: all 24 fixed times of it fall together when the 31st began."),
    Given("apia-wildcard", "skipped-day", "0 * 30 12 *", APIA, "2011-12-28 00:00", "2012-01-01 12:00", "",
          "Apia had no 30 December 2011: a wildcard of that date is never shown, so nothing is due."),
    Given("kiritimati-that-date", "skipped-day", "0 6 31 12 *", "Pacific/Kiritimati", "1994-12-01 00:00", "1995-01-10 00:00",
          "1994-12-31 10:00", "Kiritimati went from 30 December 1994 (-10:00) to 1 January 1995 (+14:00) at 10:00Z on the 31st."),
    # The Azores: the gap is the hour after midnight of a zone that is behind UTC, and its clocks touch it.
    Given("azores-gap-midnight", "gap-midnight", "0 0 * * *", AZORES, *SPRING, "2026-03-29 01:00",
          "Azores 2026-03-29: 00:00 becomes 01:00 at 01:00Z, with the rest of Europe: midnight does not exist."),
    Given("azores-overlap-midnight", "overlap-midnight", "30 0 * * *", AZORES, *AUTUMN, "2026-10-25 00:30",
          "Azores 2026-10-25: 01:00 becomes 00:00 at 01:00Z. 00:30 comes at 00:30Z and 01:30Z: the first."),
    Given("azores-first-of-month", "offset", "0 0 1 * *", AZORES, "2026-03-15 00:00", "2026-05-15 00:00",
          "2026-04-01 00:00 2026-05-01 00:00", "In summer the Azores are at +00:00: their midnight is UTC's."),
    # Gaza: dates that follow Ramadan and decrees, at 02:00 on Saturdays.
    Given("gaza-gap", "gap-fixed", "30 2 28 3 *", GAZA, "2026-03-01 00:00", "2026-04-15 00:00", "2026-03-28 00:00",
          "Gaza 2026-03-28: 02:00 becomes 03:00 at 00:00Z. 02:30 is due at 03:00."),
    Given("gaza-overlap", "overlap-fixed", "30 1 24 10 *", GAZA, "2026-10-01 00:00", "2026-11-15 00:00", "2026-10-23 22:30",
          "Gaza 2026-10-24: 02:00 becomes 01:00 at 23:00Z the day before. 01:30 comes at 22:30Z and 23:30Z: the first."),
    # Troll: two hours.
    Given("troll-gap-first-hour", "gap-fixed", "30 1 * * *", TROLL, *SPRING, "2026-03-29 01:00",
          "Troll 2026-03-29: 01:00 becomes 03:00 at 01:00Z. 01:30 is due at 03:00."),
    Given("troll-gap-both-hours", "gap-together", "30 1,2 * * *", TROLL, *SPRING, "2026-03-29 01:00",
          "Troll 2026-03-29: 01:00 becomes 03:00. 01:30 and 02:30 are in one gap: one occurrence."),
    Given("troll-overlap-both-hours", "overlap-fixed", "30 1,2 * * *", TROLL, *AUTUMN, "2026-10-24 23:30 2026-10-25 00:30",
          "Troll 2026-10-25: 03:00 becomes 01:00 at 01:00Z. Both times come twice, two hours apart: the first of each."),
    Given("troll-overlap-wildcard", "overlap-wildcard", "30 */1 * * *", TROLL, "2026-10-24 23:00", "2026-10-25 03:00",
          "2026-10-24 23:30 2026-10-25 00:30 01:30 02:30", "Troll 2026-10-25: 01:30, 02:30, 01:30 again, 02:30 again."),
    # Offsets that are no whole hours, and zones that moved.
    Given("kathmandu-nine", "offset", "0 9 1 * *", KATHMANDU, "2026-01-15 00:00", "2026-04-15 00:00",
          "2026-02-01 03:15 2026-03-01 03:15 2026-04-01 03:15", "Kathmandu is at +05:45 all year: 09:00 is 03:15Z."),
    Given("kathmandu-hourly", "offset", "0 * * * *", KATHMANDU, "2026-06-01 00:00", "2026-06-01 03:00",
          "2026-06-01 00:15 01:15 02:15", "Kathmandu is at +05:45: its full hours are UTC's quarters past."),
    Given("kathmandu-date", "offset", "30 5 2 6 *", KATHMANDU, "2026-05-30 00:00", "2026-06-05 00:00", "2026-06-01 23:45",
          "Kathmandu is at +05:45: 05:30 of 2 June is still 1 June in UTC."),
    Given("kiritimati-new-year", "offset", "0 0 1 1 *", "Pacific/Kiritimati", "2025-12-30 00:00", "2026-01-03 00:00",
          "2025-12-31 10:00", "Kiritimati is at +14:00: its year begins at 10:00Z on 31 December, first of all."),
    Given("west-new-year", "offset", "0 0 1 1 *", "Etc/GMT+12", "2025-12-30 00:00", "2026-01-03 00:00", "2026-01-01 12:00",
          "Etc/GMT+12 is at -12:00 (these names count westward): its year begins last of all."),
    Given("pyongyang-gap", "moved-offset", "45 23 * * *", "Asia/Pyongyang", "2018-05-03 12:00", "2018-05-05 12:00",
          "2018-05-03 15:15 2018-05-04 15:00", "Pyongyang 2018-05-04: 23:30 became 24:00 (+08:30 to +09:00) at 15:00Z. 23:45 of the 4th was due at midnight."),
    Given("pyongyang-overlap", "moved-offset", "45 23 14 8 *", "Asia/Pyongyang", "2015-08-01 00:00", "2015-08-20 00:00",
          "2015-08-14 14:45", "Pyongyang 2015-08-15: 00:00 became 23:30 of the 14th at 15:00Z. 23:45 came twice: the first."),
    Given("moscow-overlap", "moved-offset", "30 1 26 10 *", "Europe/Moscow", "2014-10-01 00:00", "2014-11-01 00:00",
          "2014-10-25 21:30", "Moscow 2014-10-26: 02:00 became 01:00 (+04:00 to +03:00, for good) at 22:00Z. 01:30 came twice: the first."),
    Given("caracas-gap", "moved-offset", "45 2 * * *", "America/Caracas", "2016-04-30 12:00", "2016-05-01 12:00", "2016-05-01 07:00",
          "Caracas 2016-05-01: 02:30 became 03:00 (-04:30 to -04:00) at 07:00Z. 02:45 was due at 03:00."),
    Given("istanbul-stays", "moved-offset", "0 12 * * *", "Europe/Istanbul", "2016-10-29 12:00", "2016-11-01 12:00",
          "2016-10-30 09:00 2016-10-31 09:00 2016-11-01 09:00",
          "Istanbul did not set its clocks back in October 2016, as it had each year before: noon is 09:00Z at +03:00."),
    Given("dublin-gap", "gap-fixed", "30 1 * * *", "Europe/Dublin", *SPRING, "2026-03-29 01:00",
          "Dublin's law calls winter the exception, but its clocks do as London's: 01:00 becomes 02:00 at 01:00Z."),
    # Day and weekday. 1 May 2026 is a Friday.
    Given("either-friday-13th", "either-day", "0 0 13 * fri", "UTC", "2026-05-01 00:00", "2026-05-20 00:00",
          "2026-05-01 00:00 2026-05-08 00:00 2026-05-13 00:00 2026-05-15 00:00",
          "Day and weekday are both written without a star: every Friday, and the 13th, a Wednesday."),
    Given("either-range-is-every-day", "either-day", "0 0 1-31 * mon", "UTC", "2026-05-01 00:00", "2026-05-05 00:00",
          "2026-05-01 00:00 2026-05-02 00:00 2026-05-03 00:00 2026-05-04 00:00",
          "1-31 does not begin with a star: either suffices, and the day always matches."),
    Given("both-friday-13th", "both-days", "0 0 */12 * fri", "UTC", "2026-01-01 00:00", "2026-04-01 00:00",
          "2026-02-13 00:00 2026-03-13 00:00", "*/12 is 1, 13, 25 and begins with a star, so both must match: Fridays the 13th in February and March."),
    Given("both-star-last", "both-days", "0 0 *,11 * mon", "UTC", "2026-05-01 00:00", "2026-05-12 00:00",
          "2026-05-04 00:00 2026-05-11 00:00", "*,11 begins with a star: both must match, so it is Mondays."),
    Given("either-star-last", "either-day", "0 0 11,* * mon", "UTC", "2026-05-01 00:00", "2026-05-04 00:00",
          "2026-05-01 00:00 2026-05-02 00:00 2026-05-03 00:00", "11,* does not begin with a star: either suffices, and it names every day."),
    Given("both-first-monday", "both-days", "0 0 */100,1-7 * mon", "UTC", "2026-05-01 00:00", "2026-07-10 00:00",
          "2026-05-04 00:00 2026-06-01 00:00 2026-07-06 00:00", "*/100 is the 1st alone and lends its star: both must match, so it is the first Monday of a month."),
    Given("both-odd-weekdays", "both-days", "0 0 1-10 * */2", "UTC", "2026-05-01 00:00", "2026-05-11 00:00",
          "2026-05-02 00:00 2026-05-03 00:00 2026-05-05 00:00 2026-05-07 00:00 2026-05-09 00:00 2026-05-10 00:00",
          "*/2 is Sunday, Tuesday, Thursday, Saturday and begins with a star: those of the first ten days."),
    Given("either-impossible-date", "either-day", "0 0 31 2 1", "UTC", "2026-01-25 00:00", "2026-03-10 00:00",
          "2026-02-02 00:00 2026-02-09 00:00 2026-02-16 00:00 2026-02-23 00:00", "February has no 31st, but Mondays are enough."),
    Given("either-in-berlin-spring", "either-day", "30 2 29 3 mon", BERLIN, "2026-03-27 00:00", "2026-03-31 00:00",
          "2026-03-29 01:00 2026-03-30 00:30", f"{G} The 29th by its date, right after the gap; the 30th because it is a Monday."),
    # Leap days and ends of months.
    Given("leap-day-2028", "leap-day", "0 0 29 2 *", "UTC", "2026-01-01 00:00", "2029-01-01 00:00", "2028-02-29 00:00",
          "2028 is the only leap year there; in 2026 and 2027 nothing is due instead."),
    Given("leap-day-2100", "leap-day", "0 0 29 2 *", "UTC", "2096-01-01 00:00", "2105-01-01 00:00",
          "2096-02-29 00:00 2104-02-29 00:00", "100 divides 2100 and 400 does not: no leap year, so eight years pass."),
    Given("leap-day-2000", "leap-day", "0 0 29 2 *", "UTC", "1999-01-01 00:00", "2001-01-01 00:00", "2000-02-29 00:00",
          "400 divides 2000: a leap year."),
    Given("leap-sunday", "leap-day", "0 0 29 2 */7", "UTC", "2005-01-01 00:00", "2061-01-01 00:00",
          "2032-02-29 00:00 2060-02-29 00:00", "*/7 is Sunday and begins with a star: both must match. Leap days fall on a Sunday every 28 years."),
    Given("month-end-31st", "month-end", "0 0 31 * *", "UTC", "2026-01-01 00:00", "2026-09-01 00:00",
          "2026-01-31 00:00 2026-03-31 00:00 2026-05-31 00:00 2026-07-31 00:00 2026-08-31 00:00",
          "February, April and June have no 31st and are left out."),
    Given("month-end-30-february", "month-end", "0 0 30,31 2,4 *", "UTC", "2026-01-01 00:00", "2027-01-01 00:00",
          "2026-04-30 00:00", "Of four dates only 30 April exists."),
    Given("month-end-29-plain", "month-end", "0 12 29 * *", "UTC", "2027-01-15 00:00", "2027-04-15 00:00",
          "2027-01-29 12:00 2027-03-29 12:00", "2027 is no leap year: February is left out."),
    # Corners of the five fields.
    Given("step-uneven", "fields", "*/40 * * * *", "UTC", "2026-05-01 00:00", "2026-05-01 02:00",
          "2026-05-01 00:00 00:40 01:00 01:40", "A step begins anew each hour: 40 minutes, then 20."),
    Given("step-larger-than-field", "fields", "*/61 * * * *", "UTC", "2026-05-01 00:00", "2026-05-01 02:00",
          "2026-05-01 00:00 01:00", "A step larger than the field leaves its first value."),
    Given("step-of-range", "fields", "10-40/15 6 * * *", "UTC", "2026-05-01 00:00", "2026-05-02 00:00",
          "2026-05-01 06:10 06:25 06:40", "A step counts from where its range begins: 10, 25, 40."),
    Given("days-step-one", "fields", "0 0 */10 * *", "UTC", "2026-05-01 00:00", "2026-06-02 00:00",
          "2026-05-01 00:00 2026-05-11 00:00 2026-05-21 00:00 2026-05-31 00:00 2026-06-01 00:00",
          "Days count from 1: the 1st, 11th, 21st, 31st, and the 1st again."),
    Given("sunday-seven", "fields", "0 0 * * 7", "UTC", "2026-05-01 00:00", "2026-05-12 00:00",
          "2026-05-03 00:00 2026-05-10 00:00", "7 is Sunday, as 0 is."),
    Given("weekdays-five-to-seven", "fields", "0 0 * * 5-7", "UTC", "2026-05-01 00:00", "2026-05-05 00:00",
          "2026-05-01 00:00 2026-05-02 00:00 2026-05-03 00:00", "5-7 is Friday to Sunday."),
    Given("weekday-names", "fields", "0 0 * * SUN-Tue", "UTC", "2026-05-01 00:00", "2026-05-10 00:00",
          "2026-05-03 00:00 2026-05-04 00:00 2026-05-05 00:00", "Names in any case; Sunday begins the week."),
    Given("month-names", "fields", "0 0 1 jan,JUL *", "UTC", "2026-02-01 00:00", "2027-02-01 00:00",
          "2026-07-01 00:00 2027-01-01 00:00", "Names of months in any case."),
    Given("weekly-is-sunday", "fields", "@weekly", "UTC", "2026-05-01 00:00", "2026-05-12 00:00",
          "2026-05-03 00:00 2026-05-10 00:00", "@weekly is 0 0 * * 0: Sundays, where others begin their week on Monday."),
    Given("yearly", "fields", "@yearly", BERLIN, "2026-06-01 00:00", "2028-06-01 00:00",
          "2026-12-31 23:00 2027-12-31 23:00", "@yearly is 0 0 1 1 *: midnight in Berlin is 23:00Z of the old year."),
    # Intervals.
    Given("interval-ninety-minutes", "interval", (5_400, 0), "UTC", "2026-01-01 00:00", "2026-01-01 06:00",
          "2026-01-01 00:00 01:30 03:00 04:30", "90 minutes divide a day, so every day looks like 1 January 1970."),
    Given("interval-seven-minutes", "interval", (420, 0), "UTC", "2026-01-01 00:00", "2026-01-01 00:25",
          "2026-01-01 00:00 00:07 00:14 00:21", "1767225600 seconds since 1970 are 4207680 times 420: the year begins on the grid."),
    Given("interval-offset", "interval", (3_600, 600), "UTC", "2026-01-01 00:00", "2026-01-01 03:00",
          "2026-01-01 00:10 01:10 02:10", "Each hour, ten minutes after it."),
    Given("interval-week", "interval", (604_800, 0), "UTC", "2026-01-01 00:00", "2026-01-20 00:00",
          "2026-01-01 00:00 2026-01-08 00:00 2026-01-15 00:00", "1970 began on a Thursday, so weeks are counted from Thursdays."),
    Given("interval-over-a-gap", "interval", (43_200, 0), BERLIN, "2026-03-28 12:00", "2026-03-30 00:00",
          "2026-03-28 12:00 2026-03-29 00:00 2026-03-29 12:00", f"{G} An interval does not look at clocks: twelve hours stay twelve hours."),
    Given("interval-seconds", "interval", (45, 5), "UTC", "2026-01-01 00:00", "2026-01-01 00:03",
          "2026-01-01 00:00:05 00:00:50 00:01:35 00:02:20", "45 seconds divide a day; five seconds later each."),
    # Single instants.
    Given("one-shot-plain", "one-shot", "2026-07-01T12:00:00Z", "UTC", "2026-06-01 00:00", "2026-08-01 00:00",
          "2026-07-01 12:00", "Once, at that instant."),
    Given("one-shot-in-a-gap", "one-shot", "2026-03-29T01:00:00Z", BERLIN, *SPRING, "2026-03-29 01:00",
          f"{G} An instant is an instant: that of the change exists like any other."),
    Given("one-shot-second-pass", "one-shot", "2026-10-25T01:30:00Z", BERLIN, *AUTUMN, "2026-10-25 01:30",
          f"{B} 02:30 of the second pass, which no fixed time can mean, is a plain instant."),
    Given("one-shot-at-the-end", "one-shot", "2026-07-01T12:00:00Z", "UTC", "2026-06-01 00:00", "2026-07-01 12:00", "",
          "A window does not hold its end."),
    # Bounds.
    Given("bounds-start-inclusive", "bounds", "0 12 * * *", "UTC", "2026-05-01 00:00", "2026-05-05 00:00",
          "2026-05-03 12:00 2026-05-04 12:00", "It starts at the very instant of an occurrence, which belongs to it.", "2026-05-03 12:00"),
    Given("bounds-end-exclusive", "bounds", "0 12 * * *", "UTC", "2026-05-01 00:00", "2026-05-05 00:00",
          "2026-05-01 12:00 2026-05-02 12:00", "It ends at the very instant of an occurrence, which does not belong to it.",
          None, "2026-05-03 12:00"),
    Given("bounds-interval-not-anchored", "bounds", (3_600, 0), "UTC", "2026-05-01 00:00", "2026-05-01 04:00",
          "2026-05-01 01:00 02:00", "It starts at 00:30 and ends at 02:30: full hours all the same, not half past.",
          "2026-05-01 00:30", "2026-05-01 02:30"),
    Given("bounds-after-a-gap", "bounds", "30 2 * * *", BERLIN, "2026-03-28 12:00", "2026-03-31 00:00",
          "2026-03-29 01:00 2026-03-30 00:30", f"{G} 02:30 of the 29th is due at 01:00Z, which is the start: it belongs.", "2026-03-29 01:00"),
    Given("bounds-second-pass", "bounds", "30 2 * * *", BERLIN, "2026-10-24 12:00", "2026-10-27 00:00", "2026-10-26 01:30",
          f"{B} It starts at 01:00Z, between the two passes: the first 02:30 was before, the second is not due.", "2026-10-25 01:00"),
]  # fmt: skip
