"""Every form that is refused: which field, which text, where, why, and what to write instead."""

# ruff: noqa: E501 - tables are read across
from __future__ import annotations

import re

import pytest

from purista.errors import DeclarationError, InvalidExpression, PuristaError
from purista.recurrence import Cron
from purista.recurrence.fields import FIELDS

# expression, field, text, position, reason, fix. A reason "5 fields: …" stands for the sentence about the count.
REFUSED: list[tuple[str, str | None, str, int, str, str]] = [
    ('5/15 * * * *', 'minute', '5/15', 0, 'a step needs a range',
     'write 5-59/15'),
    ('* 22-2 * * *', 'hour', '22-2', 2, 'the range runs backwards; Debian cron accepts it and never fires',
     'write 22-23,0-2'),
    ('* 23-2 * * *', 'hour', '23-2', 2, 'the range runs backwards; Debian cron accepts it and never fires',
     'write 23,0-2'),
    ('* 22-2/2 * * *', 'hour', '22-2/2', 2, 'the range runs backwards; Debian cron accepts it and never fires',
     'write 22,0,2'),
    ('0 0 * * fri-mon', 'weekday', 'fri-mon', 8, 'the range runs backwards; Debian cron accepts it and never fires',
     'write fri-sat,sun-mon'),
    ('0 0 * * fri-sun', 'weekday', 'fri-sun', 8, 'the range runs backwards, because sun is 0; Debian cron accepts it and never fires',
     'write fri-sat,sun or 5-7'),
    ('0 0 * * sat-sun', 'weekday', 'sat-sun', 8, 'the range runs backwards, because sun is 0; Debian cron accepts it and never fires',
     'write sat,sun or 6-7'),
    ('0 0 * * sat-mon', 'weekday', 'sat-mon', 8, 'the range runs backwards; Debian cron accepts it and never fires',
     'write sat,sun-mon'),
    ('0 0 * * mon-sun', 'weekday', 'mon-sun', 8, 'the range runs backwards, because sun is 0; Debian cron accepts it and never fires',
     'write mon-sat,sun or 1-7'),
    ('0 0 * * 7-1', 'weekday', '7-1', 8, 'the range runs backwards; Debian cron accepts it and never fires',
     'write 0-1'),
    ('0 0 * * 7-sun', 'weekday', '7-sun', 8, 'the range runs backwards, because sun is 0; Debian cron accepts it and never fires',
     'write 0'),
    ('0 0 * * 6-0', 'weekday', '6-0', 8, 'the range runs backwards, because sun is 0; Debian cron accepts it and never fires',
     'write 6,0 or 6-7'),
    ('0 0 * nov-feb *', 'month', 'nov-feb', 6, 'the range runs backwards; Debian cron accepts it and never fires',
     'write nov-dec,jan-feb'),
    ('0 0 * dec-feb *', 'month', 'dec-feb', 6, 'the range runs backwards; Debian cron accepts it and never fires',
     'write dec,jan-feb'),
    ('0 0 ? * *', 'day', '?', 4, '`?` is AWS and Quartz',
     'write *'),
    ('0 0 L * *', 'day', 'L', 4, '`L` (last day) is Quartz',
     'write 28-31 and let the handler skip all but the last day'),
    ('0 0 * * 5L', 'weekday', '5L', 8, '`L` (last weekday) is Quartz',
     'write 5 and let the handler skip all but the last one'),
    ('0 0 15W * *', 'day', '15W', 4, '`W` (nearest working day) is Quartz',
     'write the day alone and let the handler look at the weekday'),
    ('0 0 LW * *', 'day', 'LW', 4, '`L` (last day) is Quartz',
     'write 28-31 and let the handler skip all but the last day'),
    ('0 0 * * 5#2', 'weekday', '5#2', 8, '`#` (n-th weekday) is Quartz; Debian cron ignores the number',
     'write 5 and let the handler skip the other weeks'),
    ('0 0 * * fri#3', 'weekday', 'fri#3', 8, '`#` (n-th weekday) is Quartz; Debian cron ignores the number',
     'write fri and let the handler skip the other weeks'),
    ('3~4 * * * *', 'minute', '3~4', 0, '`~` (random) is cronie',
     'write a fixed value; jitter_window spreads the calls'),
    ('~ * * * *', 'minute', '~', 0, '`~` (random) is cronie',
     'write a fixed value; jitter_window spreads the calls'),
    ('H * * * *', 'minute', 'H', 0, '`H` (hash) is Jenkins',
     'write a fixed value; jitter_window spreads the calls'),
    ('H/15 * * * *', 'minute', 'H/15', 0, '`H` (hash) is Jenkins',
     'write a fixed value; jitter_window spreads the calls'),
    ('H(0-29) * * * *', 'minute', 'H(0-29)', 0, '`H` (hash) is Jenkins',
     'write a fixed value; jitter_window spreads the calls'),
    ('@every 5m', None, '@every 5m', 0, "macro '@every 5m' at position 0: distances are no cron",
     'write Interval(timedelta(minutes=5))'),
    ('@reboot', None, '@reboot', 0, "macro '@reboot' at position 0: the start of a machine is no instant",
     'do the work where the service starts'),
    ('@foo', None, '@foo', 0, "macro '@foo' at position 0: unknown",
     'write one of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, or five fields'),
    ('@ hourly', None, '@ hourly', 0, "macro '@ hourly' at position 0: unknown",
     'write one of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, or five fields'),
    ('0 0 0 * * *', None, '0 0 0 * * *', 0, "5 fields: got 6 in '0 0 0 * * *'",
     'leave the seconds (Quartz, Spring) or the year (AWS) out: write 0 0 * * * or 0 0 0 * *'),
    ('0 0 1 1 * 2026', None, '0 0 1 1 * 2026', 0, "5 fields: got 6 in '0 0 1 1 * 2026'",
     "leave the year out (and seconds): write start= and end=, or OneShot('2026-01-31T02:00:00Z')"),
    ('0 0 0 1 1 * 2026', None, '0 0 0 1 1 * 2026', 0, "5 fields: got 7 in '0 0 0 1 1 * 2026'",
     "leave the year out (and seconds): write start= and end=, or OneShot('2026-01-31T02:00:00Z')"),
    ('0 0 12 * * ?', None, '0 0 12 * * ?', 0, "5 fields: got 6 in '0 0 12 * * ?'",
     'leave the seconds (Quartz, Spring) or the year (AWS) out: write 0 12 * * * or 0 0 12 * *'),
    ('CRON_TZ=Europe/Berlin 0 2 * * *', None, 'CRON_TZ=Europe/Berlin 0 2 * * *', 0, "5 fields: got 6 in 'CRON_TZ=Europe/Berlin 0 2 * * *'",
     'write the zone as timezone='),
    ('TZ=UTC 0 2 * * *', None, 'TZ=UTC 0 2 * * *', 0, "5 fields: got 6 in 'TZ=UTC 0 2 * * *'",
     'write the zone as timezone='),
    ('0 2 * * *\n', None, '\n', 9, "position 9: expected one line, got '\\n'",
     'remove the line break'),
    ('0 2 *\n* *', None, '\n', 5, "position 5: expected one line, got '\\n'",
     'remove the line break'),
    ('0 2 * *\xa0*', None, '\xa0', 7, "position 7: expected blanks or tabs between fields, got '\\xa0'",
     'write a plain blank'),
    ('0\u20032 * * *', None, '\u2003', 1, "position 1: expected blanks or tabs between fields, got '\\u2003'",
     'write a plain blank'),
    ('０ 2 * * *', None, '０', 0, "position 0: expected the digits 0 to 9, got '０'",
     'write 0'),
    ('0 0 * mär *', None, 'ä', 7, "position 7: expected plain ASCII text, got 'ä'",
     'write names in English: jan to dec, sun to sat'),
    (',1 * * * *', 'minute', ',1', 0, 'an empty list item',
     'remove the comma too many'),
    ('1,,2 * * * *', 'minute', '1,,2', 2, 'an empty list item',
     'remove the comma too many'),
    ('1, * * * *', 'minute', '1,', 2, 'an empty list item',
     'remove the comma too many'),
    ('*/0 * * * *', 'minute', '*/0', 2, 'a step of 0 never moves on',
     'write a step of 1 or more'),
    ('1-5/0 * * * *', 'minute', '1-5/0', 4, 'a step of 0 never moves on',
     'write a step of 1 or more'),
    ('*/-1 * * * *', 'minute', '*/-1', 2, "expected a step, a whole number of 1 or more, got '-1'",
     'write */5'),
    ('*/x * * * *', 'minute', '*/x', 2, "expected a step, a whole number of 1 or more, got 'x'",
     'write */5'),
    ('*/ * * * *', 'minute', '*/', 2, 'expected a step, a whole number of 1 or more',
     'write */5'),
    ('*/99999999999 * * * *', 'minute', '*/99999999999', 2, "expected a step, a whole number of 1 or more, got '99999999999'",
     'write */5'),
    ('60 * * * *', 'minute', '60', 0, 'expected 0-59',
     'write 0, the full hour'),
    ('* 24 * * *', 'hour', '24', 2, 'expected 0-23',
     'write 0, midnight'),
    ('0 0 0 * *', 'day', '0', 4, 'expected 1-31',
     'write a number from 1 to 31'),
    ('0 0 32 * *', 'day', '32', 4, 'expected 1-31',
     'write a number from 1 to 31'),
    ('0 0 * 0 *', 'month', '0', 6, 'expected 1-12 (or jan to dec)',
     'write a number from 1 to 12'),
    ('0 0 * 13 *', 'month', '13', 6, 'expected 1-12 (or jan to dec)',
     'write a number from 1 to 12'),
    ('0 0 * * 8', 'weekday', '8', 8, 'expected 0-7, where 0 and 7 are Sunday (or sun to sat)',
     'write a number from 0 to 7'),
    ('99999999999999 * * * *', 'minute', '99999999999999', 0, 'expected 0-59',
     'write a number from 0 to 59'),
    ('-5 * * * *', 'minute', '-5', 0, 'half a range',
     'write 0-5'),
    ('5- * * * *', 'minute', '5-', 2, 'half a range',
     'write 5-59'),
    ('- * * * *', 'minute', '-', 0, 'half a range',
     'write 0-59'),
    ('*-5 * * * *', 'minute', '*-5', 0, 'a star stands alone, or with a step',
     'write *, */5 or 0-59'),
    ('1-2-3 * * * *', 'minute', '1-2-3', 2, 'a range has two ends',
     'write 1-3'),
    ('0 0 * * monday', 'weekday', 'monday', 8, 'names have three letters',
     'write mon'),
    ('0 0 * * Mondays', 'weekday', 'Mondays', 8, 'names have three letters',
     'write mon'),
    ('0 0 * january *', 'month', 'january', 6, 'names have three letters',
     'write jan'),
    ('0 0 * * mon-friday', 'weekday', 'mon-friday', 12, 'names have three letters',
     'write fri'),
    ('0 0 * mon *', 'month', 'mon', 6, "'mon' is a weekday",
     'write it in the weekday field, and here a number from 1 to 12'),
    ('0 0 jan * *', 'day', 'jan', 4, "'jan' is a month",
     'write it in the month field, and here a number from 1 to 31'),
    ('mon 0 * * *', 'minute', 'mon', 0, "'mon' is a weekday",
     'write it in the weekday field, and here a number from 0 to 59'),
    ('0 0 31 2 *', 'day', '31', 4, "no such day in Feb, so '0 0 31 2 *' would never fire",
     'write a day up to 29, or another month'),
    ('0 0 30 2 *', 'day', '30', 4, "no such day in Feb, so '0 0 30 2 *' would never fire",
     'write a day up to 29, or another month'),
    ('0 0 30-31 2 *', 'day', '30-31', 4, "no such day in Feb, so '0 0 30-31 2 *' would never fire",
     'write a day up to 29, or another month'),
    ('0 0 31 4,6 *', 'day', '31', 4, "no such day in Apr or Jun, so '0 0 31 4,6 *' would never fire",
     'write a day up to 30, or another month'),
    ('0 0 31 2 */2', 'day', '31', 4, "no such day in Feb, so '0 0 31 2 */2' would never fire",
     'write a day up to 29, or another month'),
    ('', None, '', 0, "5 fields: got 0 in ''",
     'write five fields: minute hour day month weekday'),
    ('   ', None, '', 3, "5 fields: got 0 in ''",
     'write five fields: minute hour day month weekday'),
    ('*', None, '*', 0, "5 fields: got 1 in '*'",
     'write * * * * * if the rest is every day'),
    ('0 2 * *', None, '0 2 * *', 0, "5 fields: got 4 in '0 2 * *'",
     'write 0 2 * * * if the rest is every day'),
    ('0 2 * * * /usr/bin/backup --now', None, '0 2 * * * /usr/bin/backup --now', 0, "5 fields: got 7 in '0 2 * * * /usr/bin/backup --now'",
     'write 0 2 * * * only: commands and users are no part of it'),
    ('0 2 * * * root run', None, '0 2 * * * root run', 0, "5 fields: got 7 in '0 2 * * * root run'",
     'write 0 2 * * * only: commands and users are no part of it'),
    ('cron(0 2 * * ? *)', None, 'cron(0 2 * * ? *)', 0, "5 fields: got 6 in 'cron(0 2 * * ? *)'",
     'write the five fields alone; years are start= and end=, and ? is *'),
    ('rate(5 minutes)', None, 'rate(5 minutes)', 0, "5 fields: got 2 in 'rate(5 minutes)'",
     'write Interval(timedelta(minutes=5))'),
    ('1.5 * * * *', 'minute', '1.5', 0, 'expected 0-59',
     'write a number from 0 to 59'),
    ('+5 * * * *', 'minute', '+5', 0, 'expected 0-59',
     'write a number from 0 to 59'),
    ('* * * * **', 'weekday', '**', 8, 'a star stands alone, or with a step',
     'write *, */5 or 0-7'),
    ('** * * * *', 'minute', '**', 0, 'a star stands alone, or with a step',
     'write *, */5 or 0-59'),
    ('*,*/2x * * * *', 'minute', '*/2x', 4, "expected a step, a whole number of 1 or more, got '2x'",
     'write */5'),
    ('  61 * * * *', 'minute', '61', 2, 'expected 0-59',
     'write a number from 0 to 59'),
    ('0   25 * * *', 'hour', '25', 4, 'expected 0-23',
     'write a number from 0 to 23'),
    ('0\t25 * * *', 'hour', '25', 2, 'expected 0-23',
     'write a number from 0 to 23'),
    ('0 0  1,2,45 * *', 'day', '45', 9, 'expected 1-31',
     'write a number from 1 to 31'),
    ('%s * * * *', 'minute', '%s', 0, 'expected 0-59',
     'write a number from 0 to 59'),
    ('1/2/3 * * * *', 'minute', '1/2/3', 2, 'an item has one step',
     'write 1-59/2'),
    ('*/2/3 * * * *', 'minute', '*/2/3', 2, 'an item has one step',
     'write */2'),
    ('0-10/5/2 * * * *', 'minute', '0-10/5/2', 5, 'an item has one step',
     'write 0-10/5'),
    ('jan-mar * * * *', 'minute', 'jan-mar', 0, "'jan' is a month",
     'write it in the month field, and here a number from 0 to 59'),
    ('0 0 * jan-feb/2,mär *', None, 'ä', 17, "position 17: expected plain ASCII text, got 'ä'",
     'write names in English: jan to dec, sun to sat'),
    ('every day', None, 'every day', 0, "5 fields: got 2 in 'every day'",
     'write minute hour day month weekday'),
    ('daily', None, 'daily', 0, "5 fields: got 1 in 'daily'",
     'write @daily'),
    ('@DAILY x', None, '@DAILY x', 0, "macro '@DAILY x' at position 0: unknown",
     'write one of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, or five fields'),
    ('0 0 * * 1-5-6', 'weekday', '1-5-6', 10, 'a range has two ends',
     'write 1-6'),
    ('0x5 * * * *', 'minute', '0x5', 0, 'expected 0-59',
     'write a number from 0 to 59'),
    ('0 0 1-7 * mon#1', 'weekday', 'mon#1', 10, '`#` (n-th weekday) is Quartz; Debian cron ignores the number',
     'write */100,1-7 as day and mon as weekday, which must both match'),
    ('0 0 L-3 * *', 'day', 'L-3', 4, '`L` (last day) is Quartz',
     'write 28-31 and let the handler skip all but the last day'),
    ('0 0 * * L', 'weekday', 'L', 8, '`L` (Saturday) is Quartz',
     'write sat'),
    ('30 2 * * *;', 'weekday', '*;', 9, 'a star stands alone, or with a step',
     'write *, */5 or 0-7'),
    ('0 0 * * thurs', 'weekday', 'thurs', 8, 'names have three letters',
     'write thu'),
    ('0 0 * sept *', 'month', 'sept', 6, 'names have three letters',
     'write sep'),
    ('0 0 jul * *', 'day', 'jul', 4, "'jul' is a month",
     'write it in the month field, and here a number from 1 to 31'),
    ('@every 1h30m', None, '@every 1h30m', 0, "macro '@every 1h30m' at position 0: distances are no cron",
     'write Interval(timedelta(hours=1, minutes=30))'),
    ('rate(1 day)', None, 'rate(1 day)', 0, "5 fields: got 2 in 'rate(1 day)'",
     'write Interval(timedelta(days=1))'),
    ('0 0 * 1-3-5 *', 'month', '1-3-5', 8, 'a range has two ends',
     'write 1-5'),
    ('0 9–17 * * *', None, '–', 3, "position 3: expected a plain hyphen, got '–'",
     'write -'),
    ('5-0/2 * * * *', 'minute', '5-0/2', 0, 'the range runs backwards; Debian cron accepts it and never fires',
     'write 5,7,9,11,13,15,17,19,21,23,25,27,29,31,33,35,37,39,41,43,45,47,49,51,53,55,57,59'),
    ('0 0 * 11-2/2 *', 'month', '11-2/2', 6, 'the range runs backwards; Debian cron accepts it and never fires',
     'write 11,1'),
    ('0 0 * * fri-mon/2', 'weekday', 'fri-mon/2', 8, 'the range runs backwards; Debian cron accepts it and never fires',
     'write 5,0'),
    ('0 0 31-1 * *', 'day', '31-1', 4, 'the range runs backwards; Debian cron accepts it and never fires',
     'write 31,1'),
    ('007 25 * * *', 'hour', '25', 4, 'expected 0-23',
     'write a number from 0 to 23'),
    (' \t', None, '', 2, "5 fields: got 0 in ''",
     'write five fields: minute hour day month weekday'),
    ('* * * * * *', None, '* * * * * *', 0, "5 fields: got 6 in '* * * * * *'",
     'leave the seconds (Quartz, Spring) or the year (AWS) out: write * * * * *'),
    ('0 0 31 9,11 *', 'day', '31', 4, "no such day in Sep or Nov, so '0 0 31 9,11 *' would never fire",
     'write a day up to 30, or another month'),
    ('0 0 * * 6-2', 'weekday', '6-2', 8, 'the range runs backwards; Debian cron accepts it and never fires',
     'write 6,0-2'),
    ('20/15,5 * * * *', 'minute', '20/15', 0, 'a step needs a range',
     'write 20-59/15'),
    ('0 0 * dec-jan *', 'month', 'dec-jan', 6, 'the range runs backwards; Debian cron accepts it and never fires',
     'write dec,jan'),
    ('* * * * mon#', 'weekday', 'mon#', 8, '`#` (n-th weekday) is Quartz; Debian cron ignores the number',
     'write mon and let the handler skip the other weeks'),
    ('0 0 W * *', 'day', 'W', 4, '`W` (nearest working day) is Quartz',
     'write the day alone and let the handler look at the weekday'),
    ('0 0 1W * *', 'day', '1W', 4, '`W` (nearest working day) is Quartz',
     'write the day alone and let the handler look at the weekday'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "field", "text", "position", "reason", "fix"), REFUSED, ids=[ascii(r[0]) for r in REFUSED]
)
def test_refused(expression: str, field: str | None, text: str, position: int, reason: str, fix: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        Cron(expression)
    error = caught.value
    assert (error.field, error.text, error.position, error.fix) == (field, text, position, fix)
    if field is not None:
        reason = f"{field} {text!r} at position {position}: {reason}"
    elif reason.startswith("5 fields: "):
        reason = reason.replace("5 fields: ", "expected 5 fields (minute hour day month weekday), ")
    assert str(error) == f"{reason}; {fix}"
    assert isinstance(error, DeclarationError)
    assert isinstance(error, PuristaError)
    assert isinstance(error, ValueError)
    assert error.__cause__ is None


def test_positions_point_at_the_text() -> None:
    for expression, _field, text, position, *_ in REFUSED:
        if _field:
            begin = expression.rfind(text, 0, position + len(text))
            assert 0 <= begin <= position <= begin + len(text), expression


def test_what_is_advised_is_accepted() -> None:
    """Each fix that is a form to write works where the refused text stood."""
    tried = 0
    for expression, field, text, _position, _reason, fix in REFUSED:
        if field is None or "day up to" in fix:
            continue
        index = [spec.name for spec in FIELDS].index(field)
        found = re.match(r"write ([-0-9a-z*/,]+)(?: or ([-0-9a-z*/,]+))?(?:$|, the full|, midnight)", fix)
        if found is None or text in {"monday", "Mondays"}:
            continue
        for form in filter(None, found.groups()):
            assert Cron(" ".join(form if number == index else "*" for number in range(5))), (expression, form)
            tried += 1
    assert tried > 40


@pytest.mark.parametrize("index", range(5))
@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_backward_ranges_are_told_the_ranges_that_were_meant(index: int, step: int) -> None:
    spec = FIELDS[index]
    top = 6 if index == 4 else spec.high
    names = {number: name for name, number in spec.names.items()}
    for low in range(spec.low, top + 1):
        for high in range(spec.low, low):
            size = top - spec.low + 1
            meant = {(n - spec.low) % size + spec.low for n in range(low, high + size + 1, step)}
            for spell in (str, lambda n: names.get(n, str(n))):
                item = f"{spell(low)}-{spell(high)}" + (f"/{step}" if step > 1 else "")
                with pytest.raises(InvalidExpression, match="runs backwards") as caught:
                    Cron(" ".join(item if number == index else "*" for number in range(5)))
                assert caught.value.fix is not None
                for form in caught.value.fix.removeprefix("write ").split(" or "):
                    cron = Cron(" ".join(form if number == index else "*" for number in range(5)))
                    field = (cron.minute, cron.hour, cron.day, cron.month, cron.weekday)[index]
                    assert set(field.values) == meant, (item, form)


def test_long_text_is_shown_in_part() -> None:
    one_long = ("a" * 5_000, "9" * 5_000, "1," * 4_000 + "60")
    for expression in (*(f"{field} * * * *" for field in one_long), "* " * 3_000, "@" + "x" * 5_000):
        with pytest.raises(InvalidExpression) as caught:
            Cron(expression)
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize("value", [None, 5, b"* * * * *", ["*"] * 5, Cron("* * * * *")])
def test_expressions_are_text(value: object) -> None:
    with pytest.raises(InvalidExpression, match="expected cron text such as '0 2 1 \\* \\*'"):
        Cron(value)  # type: ignore[arg-type]


LEGAL = {
    # What Debian takes, we take: steps larger than the field, leading zeros, blanks and tabs, any case.
    "*/60 * * * *": "*/60 * * * *",
    "*/61 * * * *": "*/61 * * * *",
    "0 0 */100,1-7 * MON": "0 0 */100,1-7 * 1",
    "00 007 01 01 *": "0 7 1 1 *",
    "  0\t2  *\t* *  ": "0 2 * * *",
    "0 0 * JaN-mAr sUn": "0 0 * 1-3 0",
    "0 0 * * 0-7": "0 0 * * 0-7",
    "0 0 * * Fri-7": "0 0 * * 5-7",
    "0 0 * * sun-sat": "0 0 * * 0-6",
    "0 0 31 2 1": "0 0 31 2 1",
    "0 0 30,31 1,2 *": "0 0 30,31 1,2 *",
    "5-5/2 5-5 * * *": "5 5 * * *",
    "1,1,1 * * * *": "1,1,1 * * * *",
    "@hourly": "0 * * * *",
    "@Daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@WEEKLY": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


@pytest.mark.parametrize(("expression", "numbers"), LEGAL.items())
def test_accepted(expression: str, numbers: str) -> None:
    cron = Cron(expression)
    assert cron.normalised() == numbers
    assert cron.value == str(cron) == expression.strip()
    assert repr(cron) == f"Cron({expression.strip()!r})"


def test_macros_are_wildcard_or_fixed_as_what_they_stand_for() -> None:
    assert Cron("@hourly").is_wildcard
    for name in ("@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"):
        assert not Cron(name).is_wildcard
        assert not Cron(name).day_or_weekday


def test_equality_is_of_the_text() -> None:
    assert Cron("0 0 * * sun") != Cron("0 0 * * 0")
    assert Cron(" 0 0 * * 0") == Cron("0 0 * * 0\t")
    assert len({Cron("0 0 * * 0"), Cron("0 0 * * 0 "), Cron("0 0 * * 7")}) == 2
