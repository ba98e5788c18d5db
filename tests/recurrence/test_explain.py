"""Rules in words: read this table as a user would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from purista.recurrence import Cron, Explanation, Interval, OneShot, Recurrence, SpecialDay

SENTENCES = [
    ('* * * * *', 'Every minute'),
    ('*/5 * * * *', 'Every 5 minutes'),
    ('0 * * * *', 'Every hour at :00'),
    ('30 * * * *', 'Every hour at :30'),
    ('0,30 * * * *', 'Every 30 minutes'),
    ('*/15 9-17 * * mon-fri', 'Every 15 minutes from 09:00 to 17:45 on Mondays to Fridays'),
    ('7-59/15 8-18 * * *', 'At :07, :22, :37 and :52 of the hours 08 to 18 every day'),
    ('30 2 * * *', 'At 02:30 every day'),
    ('0 9-17 * * MON-FRI', 'Every hour from 09:00 to 17:00 on Mondays to Fridays'),
    ('15 10 * * MON', 'At 10:15 on Mondays'),
    ('0 0 1,15 * *', 'At 00:00 on the 1st and 15th of the month'),
    ('0 2 1 * *', 'At 02:00 on the 1st of the month'),
    ('0 0 13 * FRI', 'At 00:00 on the 13th of the month and on Fridays'),
    ('0 0 31 * *', 'At 00:00 on the 31st of the month'),
    ('0 0 1 1 *', 'At 00:00 on 1 January'),
    ('59 23 31 12 *', 'At 23:59 on 31 December'),
    ('0 0 29 2 *', 'At 00:00 on 29 February'),
    ('0 0 * 2 MON', 'At 00:00 on Mondays in February'),
    ('@hourly', 'Every hour at :00'),
    ('@daily', 'At 00:00 every day'),
    ('@weekly', 'At 00:00 on Sundays'),
    ('@monthly', 'At 00:00 on the 1st of the month'),
    ('@yearly', 'At 00:00 on 1 January'),
    ('0 0-23 * * *', 'Every hour at :00, as times of the day'),
    ('*/7 * * * *', 'Every hour at :00, :07, :14, :21, :28, :35, :42, :49 and :56'),
    ('0 */2 * * *', 'Every 2 hours from 00:00'),
    ('0 */3 * * *', 'At 00:00, 03:00, 06:00, 09:00, 12:00, 15:00, 18:00 and 21:00 every day'),
    ('0 */5 * * *', 'At 00:00, 05:00, 10:00, 15:00 and 20:00 every day'),
    ('*/10 */2 * * *', 'Every 10 minutes of every second hour, from midnight'),
    ('* 9 * * *', 'Every minute from 09:00 to 09:59'),
    ('* 2 * * *', 'Every minute from 02:00 to 02:59'),
    ('0 2,3 * * *', 'At 02:00 and 03:00 every day'),
    ('0-59/15 2 * * *', 'At 02:00, 02:15, 02:30 and 02:45 every day'),
    ('0 0 */2 * *', 'At 00:00 on the odd days of the month'),
    ('0 0 */10 * 1', 'At 00:00 on Mondays that fall on the 1st, 11th, 21st and 31st of the month'),
    ('0 0 1-7 * */7', 'At 00:00 on Sundays that fall on the 1st to 7th of the month'),
    ('0 0 */100,1-7 * mon', 'At 00:00 on Mondays that fall on the 1st to 7th of the month'),
    ('0 0 11,* * 1', 'At 00:00 every day'),
    ('0 0 *,11 * 1', 'At 00:00 on Mondays'),
    ('0 0 * * 0,6', 'At 00:00 on Saturdays and Sundays'),
    ('0 0 * * sat,sun', 'At 00:00 on Saturdays and Sundays'),
    ('0 0 * * 5-7', 'At 00:00 on Fridays to Sundays'),
    ('0 0 * 6-8 *', 'At 00:00 every day from June to August'),
    ('0 0 * 1,3,5 *', 'At 00:00 every day in January, March and May'),
    ('0 0 * */3 *', 'At 00:00 every day in January, April, July and October'),
    ('1-10 * * * *', 'Every hour at minutes 1 to 10'),
    ('0 12 * * 1-5', 'At 12:00 on Mondays to Fridays'),
    ('0 12 1 */2 *', 'At 12:00 on the 1st of the month in January, March, May, July, September and November'),
    ('5,10 0-5 * * *', 'At :05 and :10 of the hours 00 to 05 every day'),
    ('*/60 * * * *', 'Every hour at :00'),
    ('59 * * * *', 'Every hour at :59'),
    ('0 0 1-31 * 1', 'At 00:00 every day'),
    ('0-5,30 4,5 * * *', 'At minutes 0 to 5 and 30 of the hours 04 and 05 every day'),
    ('0 22-23,0-2 * * *', 'At 00:00, 01:00, 02:00, 22:00 and 23:00 every day'),
    ('0 0 * * 1-7', 'At 00:00 every day'),
    ('0 0 28-31 * *', 'At 00:00 on the 28th to 31st of the month'),
    ('0 1,3,5,7,9,11,13 * * *', 'At 01:00, 03:00, 05:00, 07:00, 09:00, 11:00 and 13:00 every day'),
    ('*/30 1-23/2 * * *', 'Every 30 minutes of the hours 01, 03, 05, 07, 09, 11, 13, 15, 17, 19, 21 and 23'),
    ('0 8-20/4 * * *', 'At 08:00, 12:00, 16:00 and 20:00 every day'),
    ('0 0 2-30/2 * *', 'At 00:00 on the even days of the month'),
    ('0 0 * * */2', 'At 00:00 on Tuesdays, Thursdays, Saturdays and Sundays'),
    ('*/20 8 * * *', 'At 08:00, 08:20 and 08:40 every day'),
    ('0 0 * * 6-7', 'At 00:00 on Saturdays and Sundays'),
    ('0 0 31 2 1', 'At 00:00 on the 31st of the month and on Mondays, in February'),
    ('0 0 * * 0-1', 'At 00:00 on Sundays and Mondays'),
    ('0 4 8-14 * *', 'At 04:00 on the 8th to 14th of the month'),
    ('10,40 */4 * * *', 'At :10 and :40 of every fourth hour, from midnight every day'),
    ('0 6 1,15 1,7 *', 'At 06:00 on the 1st and 15th of the month in January and July'),
    ('0 0 2,22,23 * *', 'At 00:00 on the 2nd, 22nd and 23rd of the month'),
    ('30 0-12 * * *', 'Every hour from 00:30 to 12:30'),
    ('*/5 8 1-5 * *', 'Every 5 minutes from 08:00 to 08:55 on the 1st to 5th of the month'),
    ('0 0 13 6 fri', 'At 00:00 on the 13th of the month and on Fridays, in June'),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "sentence"), SENTENCES)
def test_sentences(expression: str, sentence: str) -> None:
    explained = Recurrence(Cron(expression), timezone="Europe/Berlin").explain()
    assert str(explained) == explained.sentence == f"{sentence}, Europe/Berlin time."
    assert isinstance(explained, Explanation)


OTHERS = [
    (Interval(1), "Every second, counted from 1970-01-01 00:00 UTC."),
    (Interval(60), "Every minute, counted from 1970-01-01 00:00 UTC."),
    (Interval(timedelta(minutes=5)), "Every 5 minutes, counted from 1970-01-01 00:00 UTC."),
    (Interval(3600, 90), "Every hour, counted from 1970-01-01 00:01:30 UTC."),
    (Interval(86_400, 3600), "Every 24 hours, counted from 1970-01-01 01:00 UTC."),
    (Interval(7 * 86_400), "Every 7 days of 24 hours, counted from 1970-01-01 00:00 UTC."),
    (Interval(90_061), "Every 1 day, 1 hour, 1 minute and 1 second, counted from 1970-01-01 00:00 UTC."),
    (OneShot("2026-03-29T01:30:00Z"), "Once, at 2026-03-29 03:30:00 Europe/Berlin time."),
]


@pytest.mark.parametrize(("expression", "sentence"), OTHERS)
def test_sentences_of_others(expression: Interval | OneShot, sentence: str) -> None:
    rule = Recurrence(expression, timezone="Europe/Berlin")
    assert rule.explain().sentence == sentence
    assert rule.explain().special_days == ()  # clocks do not touch them


def test_bounds_are_said() -> None:
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 5, 1, 12, 0, 5, tzinfo=UTC)
    cron = Cron("0 2 * * *")
    for bounds, said in (
        ({"start": start}, "from 2026-01-01 01:00"),
        ({"end": end}, "until 2026-05-01 14:00:05"),
        ({"start": start, "end": end}, "from 2026-01-01 01:00 until 2026-05-01 14:00:05"),
    ):
        rule = Recurrence(cron, "Europe/Berlin", **bounds)  # type: ignore[arg-type]
        assert rule.explain().sentence == f"At 02:00 every day, Europe/Berlin time, {said}."


# expression, what happens on 2026-03-29, what on 2026-10-25 (Europe/Berlin; None: nothing of note)
EFFECTS = [
    ("30 2 * * *", "02:30 does not exist: due once at 03:00, right after the gap",
     "02:30 comes twice: due once, in the first pass"),
    ("0 2,3 * * *", "02:00 does not exist: due once at 03:00, right after the gap",
     "02:00 comes twice: due once, in the first pass"),
    ("0,30 2 * * *", "02:00 and 02:30 do not exist: due once at 03:00, right after the gap",
     "02:00 and 02:30 come twice: due once each, in the first pass"),
    ("0-59/15 2 * * *", "02:00 to 02:45 do not exist: due once at 03:00, right after the gap",
     "02:00 to 02:45 come twice: due once each, in the first pass"),
    ("0-59 0-23 * * *", "60 times from 02:00 on do not exist: due once at 03:00, right after the gap",
     "60 times from 02:00 on come twice: due once each, in the first pass"),
    ("0 * * * *", "02:00 does not exist and is left out: it follows elapsed time",
     "02:00 comes twice and is due both times: it follows elapsed time"),
    ("*/15 * * * *", "02:00 to 02:45 do not exist and are left out: it follows elapsed time",
     "02:00 to 02:45 come twice and are due both times: it follows elapsed time"),
    ("* 2 * * *", "60 times from 02:00 on do not exist and are left out: it follows elapsed time",
     "60 times from 02:00 on come twice and are due both times: it follows elapsed time"),
    ("0 3 * * *", None, None), ("59 1 * * *", None, None), ("30 2 * * mon", None, None), ("30 2 1 * *", None, None),
    ("30 2 29 3 *", "02:30 does not exist: due once at 03:00, right after the gap", None),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "spring", "autumn"), EFFECTS)
def test_special_days(expression: str, spring: str | None, autumn: str | None) -> None:
    rule = Recurrence(Cron(expression), timezone="Europe/Berlin")
    found = {f"{day.date:%m-%d}": day for day in rule.explain(datetime(2026, 1, 1, tzinfo=UTC), days=365).special_days}
    assert {date: day.effect for date, day in found.items()} == {
        date: effect for date, effect in (("03-29", spring), ("10-25", autumn)) if effect
    }
    for day in found.values():
        assert isinstance(day, SpecialDay)
        assert (day.kind, day.at) == (("gap", 1_774_746_000) if day.date.month == 3 else ("overlap", 1_792_890_000))
        assert day.shift_seconds == 3600
        assert 1 <= len(day.local_times) <= 12
        assert all(time.startswith("02:") for time in day.local_times)


ELSEWHERE = [
    ("Australia/Lord_Howe", "15 2 * * *", "2026-10-04", "02:15 does not exist: due once at 02:30, right after the gap"),
    ("Africa/Cairo", "0 0 * * *", "2026-04-24", "00:00 does not exist: due once at 01:00, right after the gap"),
    ("Africa/Cairo", "30 23 * * *", "2026-10-29", "23:30 comes twice: due once, in the first pass"),
    ("America/Nuuk", "30 23 30 3 *", "2024-03-30", "23:30 does not exist: due once at 00:00, right after the gap"),
    ("Pacific/Apia", "0 12 30 12 *", "2011-12-30", "12:00 does not exist: due once at 00:00, right after the gap"),
    ("Africa/Monrovia", "20 0 7 1 *", "1972-01-07", "00:20 does not exist: due once at 00:44:30, right after the gap"),
]


@pytest.mark.parametrize(("zone", "expression", "date", "effect"), ELSEWHERE)
def test_special_days_elsewhere(zone: str, expression: str, date: str, effect: str) -> None:
    noon = datetime.fromisoformat(f"{date}T12:00Z")
    (day,) = Recurrence(Cron(expression), zone).special_days(noon - timedelta(days=2), noon + timedelta(days=2))
    assert (str(day.date), day.effect) == (date, effect)


def test_special_days_say_what_the_rule_does() -> None:
    """What the sentence promises is what is due."""
    for expression, *_ in EFFECTS:
        rule = Recurrence(Cron(expression), timezone="Europe/Berlin")
        for day in rule.special_days(0, 4_102_444_800):
            length = day.shift_seconds
            if day.kind == "gap":
                labels_due = rule.timestamps(day.at, day.at + 1)
                assert ("due once" in day.effect) <= (list(labels_due) == [day.at])
                assert rule.contains(day.at) or "left out" in day.effect
            else:
                first = [at + length for at in rule.timestamps(day.at - length, day.at)]
                second = list(rule.timestamps(day.at, day.at + length))
                assert len(first) >= min(len(day.local_times), 12)
                assert second == (first if "both times" in day.effect else [])


def test_no_clock_is_asked() -> None:
    rule = Recurrence(Cron("30 2 * * *"), timezone="Europe/Berlin")
    assert [str(day.date) for day in rule.explain().special_days] == ["2026-03-29", "2026-10-25"]
    later = rule.explain(datetime(2030, 1, 1, tzinfo=UTC), days=100).special_days
    assert [str(day.date) for day in later] == ["2030-03-31"]
    with pytest.raises(ValueError, match="expected an aware datetime"):
        rule.explain(datetime(2030, 1, 1))
