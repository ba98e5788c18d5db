"""Laws that hold for every legal expression in every zone, and the two oracles."""

# ruff: noqa: PT017 - both outcomes are right there; what is tested is what they say
from __future__ import annotations

import pickle
import zoneinfo
from copy import copy, deepcopy
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from purista.errors import InvalidExpression
from purista.recurrence import Cron, Recurrence
from purista.recurrence.zone import LAST, zone_table
from tests.recurrence.oracle import Rule, by_date, rule, walk

DAY = 86_400
ODD = [
    "Africa/Cairo", "Africa/Casablanca", "Africa/El_Aaiun", "America/Asuncion", "America/Havana", "America/Scoresbysund",
    "America/St_Johns", "Antarctica/Troll", "Asia/Beirut", "Asia/Gaza", "Australia/Lord_Howe", "Europe/Berlin",
    "Europe/Dublin", "Pacific/Apia", "Pacific/Kwajalein", "UTC",
]  # fmt: skip
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
few = settings(
    max_examples=150, derandomize=True, deadline=None, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip
many = settings(few, max_examples=400)

zones = st.sampled_from(ODD) | st.sampled_from(sorted(zoneinfo.available_timezones()))


@st.composite
def items(draw: st.DrawFn, low: int, high: int, names: list[str], first: int) -> tuple[str, set[int]]:
    """One item of a list, and the values it was made from."""

    def spelled(value: int) -> str:
        if names and first <= value < first + len(names) and draw(st.booleans()):
            name = names[value - first]
            return draw(st.sampled_from([name, name.upper(), name.title()]))
        return f"{value:02d}" if value < 10 and draw(st.integers(0, 9)) == 0 else str(value)

    kind = draw(st.sampled_from(["star", "star", "step", "value", "value", "range", "range step"]))
    step = draw(st.sampled_from([1, 2, 3, 4, 5, 7, 10, 15, 20, 40, 61])) if kind.endswith("step") else 1
    suffix = f"/{step}" if kind.endswith("step") else ""
    if kind.startswith("st"):
        return f"*{suffix}", set(range(low, high + 1, step))
    start = draw(st.integers(low, high))
    if kind == "value":
        return spelled(start), {start}
    end = draw(st.integers(start, high))
    last = str(end) if names is DAYS and end in (0, 7) else spelled(end)
    if last.casefold() == "sun" and start:
        last = "7"
    return f"{spelled(start)}-{last}{suffix}", set(range(start, end + 1, step))


@st.composite
def fields(draw: st.DrawFn, low: int, high: int, names: list[str], first: int = 0) -> tuple[str, frozenset[int]]:
    parts = draw(st.lists(items(low, high, names, first), min_size=1, max_size=draw(st.sampled_from([1, 1, 2, 4]))))
    return ",".join(text for text, _ in parts), frozenset().union(*(values for _, values in parts))


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    """Any legal expression."""
    parts = [
        draw(fields(0, 59, [])), draw(fields(0, 23, [])), draw(fields(1, 31, [])), draw(fields(1, 12, MONTHS, 1)),
        draw(fields(0, 7, DAYS)),
    ]  # fmt: skip
    if draw(st.booleans()):  # days are often all days, or most rules would never meet a change of clocks
        parts[2:] = [("*", frozenset(range(1, 32))), ("*", frozenset(range(1, 13))), ("*", frozenset(range(7)))]
    values = [values for _, values in parts]
    values[4] = frozenset(day % 7 for day in values[4])
    return Rule(" ".join(text for text, _ in parts), *values)


def legal(made: Rule, zone: str = "UTC") -> Recurrence:
    try:
        return Recurrence(Cron(made.text), timezone=zone)
    except InvalidExpression as error:
        assert "would never fire" in str(error)  # the only reason that is left: a date no month has
        longest = max({2: 29, 4: 30, 6: 30, 9: 30, 11: 30}.get(month, 31) for month in made.months)
        assert min(made.days) > longest
        assume(False)
        raise


@st.composite
def moments(draw: st.DrawFn, zone: str) -> int:
    """An instant, most often near a change of clocks; at a full minute."""
    changes = [at for at in zone_table(zone).starts[1:] if at < 2**32]
    if changes and draw(st.integers(0, 4)):
        near = draw(st.sampled_from(changes)) + draw(st.integers(-30, 30)) * 3_600 + draw(st.integers(-60, 60)) * 60
    else:
        near = draw(st.integers(DAY * 8, 2**32))
    return near // 60 * 60


@st.composite
def cases(draw: st.DrawFn) -> tuple[Rule, str, int]:
    zone = draw(zones)
    return draw(rules()), zone, draw(moments(zone))


def four_ways(asked: Recurrence, start: int, end: int) -> list[int]:
    """Occurrences in ``[start, end)``; every way to ask gives the same."""
    found = list(asked.timestamps(start, end))
    forward, instant = [], asked.next_timestamp(start - 1)
    while instant is not None and instant < end:
        forward.append(instant)
        instant = asked.next_timestamp(instant)
    backward, instant = [], asked.previous_timestamp(end)
    while instant is not None and instant >= start:
        backward.append(instant)
        instant = asked.previous_timestamp(instant)
    assert found == forward == backward[::-1]
    moments = asked.between(start, end)
    assert [int(moment.timestamp()) for moment in moments] == found
    assert all(moment.tzinfo is asked.zone for moment in moments)
    assert moments == [datetime.fromtimestamp(at, asked.zone) for at in found]
    assert [moment.fold for moment in moments] == [datetime.fromtimestamp(at, asked.zone).fold for at in found]
    return found


@few
@given(cases())
@example((rule("0-59/7 2,3 * * *"), "Europe/Berlin", 1_774_746_000))
@example((rule("30 1,2 * * *"), "Antarctica/Troll", 1_792_890_000))
@example((rule("0 0-23 30 12 *"), "Pacific/Apia", 1_325_239_200))
@example((rule("* * * * *"), "Australia/Lord_Howe", 1_775_314_800))
def test_as_a_walk_over_every_minute(case: tuple[Rule, str, int]) -> None:
    made, zone, start = case
    start = max(start, 4 * DAY)
    table, end = zone_table(zone), start + 2 * DAY
    offsets = table.offsets[max(0, table.segment(start - 4 * DAY)) : table.segment(end) + 1]
    assume(all(offset % 60 == 0 for offset in offsets))
    assert four_ways(legal(made, zone), start, end) == walk(made, zone, start, end)


@few
@given(cases(), st.integers(1, 900))
@example((rule("20 0 * * *"), "Africa/Monrovia", 63_590_400), 20)
@example((rule("0 0 29 2 *"), "Africa/Cairo", 951_782_400), 900)
def test_as_a_look_at_every_date(case: tuple[Rule, str, int], days: int) -> None:
    made, zone, start = case
    start = max(start, 4 * DAY)
    wall_times = len(made.minutes) * len(made.hours)
    end = start + min(days, 1 + 6_000 // wall_times) * DAY
    asked = legal(made, zone)
    expected = by_date(made, zone, start, end)
    assert list(asked.timestamps(start, end)) == expected
    assert [int(moment.timestamp()) for moment in asked.between(start, end)] == expected
    if len(expected) < 400:
        four_ways(asked, start, end)


@many
@given(cases())
def test_next_and_previous_are_each_other_s_inverse(case: tuple[Rule, str, int]) -> None:
    made, zone, instant = case
    asked = legal(made, zone)
    following, before = asked.next_timestamp(instant), asked.previous_timestamp(instant)
    here = asked.contains(instant)
    if following is not None:
        assert following > instant
        assert asked.contains(following)
        assert asked.previous_timestamp(following) == (instant if here else before)
        assert not any(
            asked.contains(at)
            for at in (following - 1, following + 1, (instant + following) // 2)
            if at > instant and at != following
        )
        assert list(asked.timestamps(instant + 1, following)) == []
        assert list(asked.timestamps(instant + 1, following + 1)) == [following]
    if before is not None:
        assert before < instant
        assert asked.contains(before)
        assert asked.next_timestamp(before) == (instant if here else following)
        assert list(asked.timestamps(before + 1, instant)) == []
    assert here == (list(asked.timestamps(instant, instant + 1)) == [instant])


@few
@given(cases(), st.integers(1, 40), st.integers(0, 40), st.integers(1, 40))
def test_bounds_cut_and_change_nothing_else(case: tuple[Rule, str, int], after: int, wait: int, length: int) -> None:
    made, zone, origin = case
    free = legal(made, zone)
    assume(made.minutes and len(made.minutes) * len(made.hours) < 500)
    start = origin + wait * 3_600
    end = start + length * 3_600
    low, high = origin - after * DAY // 4, origin + 10 * DAY
    every = list(free.timestamps(low, high))
    for first, last in ((start, end), (start, None), (None, end)):
        bound = Recurrence(free.expression, zone, first, last)
        inside = [at for at in every if (first is None or at >= first) and (last is None or at < last)]
        assert four_ways(bound, low, high) == inside
        for at in every[:50]:
            assert bound.contains(at) == (at in inside)
    as_moments = Recurrence(
        free.expression,
        zone,
        datetime.fromtimestamp(start, UTC),
        datetime.fromtimestamp(end, zoneinfo.ZoneInfo("Asia/Tokyo")),
    )
    assert as_moments == Recurrence(free.expression, zone, start, end)


@many
@given(cases())
def test_text_made_from_a_rule_means_the_same(case: tuple[Rule, str, int]) -> None:
    made, zone, start = case
    one = legal(made, zone)
    cron = one.expression
    assert isinstance(cron, Cron)
    again = Cron(cron.normalised())
    other = Recurrence(again, timezone=zone)
    assert again.normalised() == cron.normalised()
    assert set(cron.normalised()) <= set("0123456789*/,- ")
    assert (again.is_wildcard, again.day_or_weekday) == (cron.is_wildcard, cron.day_or_weekday)
    for name in ("minute", "hour", "day", "month", "weekday"):
        assert getattr(again, name).values == getattr(cron, name).values
        assert getattr(again, name).starts_with_star == getattr(cron, name).starts_with_star
    assert list(other.timestamps(start, start + DAY)) == list(one.timestamps(start, start + DAY))
    assert other.next_timestamp(start) == one.next_timestamp(start)


@many
@given(cases())
def test_fields_are_the_values_they_were_written_from(case: tuple[Rule, str, int]) -> None:
    made, zone, _ = case
    asked = legal(made, zone)
    cron = asked.expression
    assert isinstance(cron, Cron)
    written = (made.minutes, made.hours, made.days, made.months, made.weekdays)
    read = (cron.minute, cron.hour, cron.day, cron.month, cron.weekday)
    assert [frozenset(field.values) for field in read] == list(written)
    assert cron.is_wildcard == made.wildcard
    assert cron.seconds == tuple(h * 3600 + m * 60 for h in sorted(made.hours) for m in sorted(made.minutes))
    sentence = str(asked.explain())
    assert sentence.endswith(f"{zone} time.")
    assert "  " not in sentence
    assert len(sentence) < 1_000


@few
@given(cases())
def test_rules_are_values(case: tuple[Rule, str, int]) -> None:
    made, zone, instant = case
    one = legal(made, zone)
    asked = one.next_timestamp(instant)  # what it remembers is no part of it
    for other in (pickle.loads(pickle.dumps(one)), copy(one), deepcopy(one), Recurrence(Cron(made.text), zone)):
        assert other == one
        assert hash(other) == hash(one)
        assert repr(other) == repr(one)
        assert other.next_timestamp(instant) == asked
    assert eval(repr(one), {"Recurrence": Recurrence, "Cron": Cron}) == one
    assert one != Recurrence(one.expression, zone, start=5)
    assert one != Recurrence(one.expression, "Asia/Tokyo" if zone != "Asia/Tokyo" else "UTC")
    assert one != made.text
    assert one.expression != made.text
    for target in (one, one.expression):
        for name in ("timezone", "start", "value", "hours", "unheard_of"):
            with pytest.raises(AttributeError, match="frozen"):
                setattr(target, name, 1)
            with pytest.raises(AttributeError, match="frozen"):
                delattr(target, name)


@many
@given(
    st.text(alphabet="0123456789*/,-~?#LWHabcdefjmnortuwy @\t\n\u00a0", max_size=30)
    | st.lists(st.text(alphabet="0123456789*/,-", min_size=1, max_size=4), min_size=4, max_size=6).map(" ".join)
    | st.tuples(*[st.just("*") | st.text(alphabet="0123456789*/,-~?#LWHmonsufrija", min_size=1, max_size=6)] * 5).map(
        "  ".join
    )
)
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    try:
        cron = Cron(text)
    except InvalidExpression as error:
        assert len(str(error)) < 500
        assert error.fix
        assert error.fix in str(error)
        assert error.text is not None
        assert error.position is not None
        assert 0 <= error.position <= len(text)
    else:
        assert Cron(cron.normalised()).normalised() == cron.normalised()


@few
@given(cases())
def test_our_own_answers_are_asked_like_any_other_instant(case: tuple[Rule, str, int]) -> None:
    """Walking on from an answer is a shorter way to the same place: as with equal instants in other zones."""
    made, zone, start = case
    walked, asked = legal(made, zone), legal(made, zone)
    at = walked.next_after(datetime.fromtimestamp(start, UTC))
    for _ in range(30):
        if at is None:
            break
        following = walked.next_after(at)
        assert following == asked.next_after(at.astimezone(UTC))
        assert walked.next_after(at) == following  # asked again: another instant was the last answer in between
        assert (following and following.timestamp()) == asked.next_timestamp(int(at.timestamp()))
        at = following


def test_moments_between_seconds() -> None:
    """Fractions of seconds round to the side that loses nothing and adds nothing."""
    asked = Recurrence(Cron("0 0 * * *"), timezone="UTC")
    midnight = datetime(2026, 1, 2, tzinfo=UTC)
    little = timedelta(microseconds=1)
    assert asked.next_after(midnight - little) == midnight
    assert asked.next_after(midnight) == midnight + timedelta(days=1)
    assert asked.next_after(midnight + little) == midnight + timedelta(days=1)
    assert asked.previous_before(midnight) == midnight - timedelta(days=1)
    assert asked.previous_before(midnight + little) == midnight
    assert asked.previous_before(midnight - little) == midnight - timedelta(days=1)
    assert asked.contains(midnight)
    assert not asked.contains(midnight + little)
    assert not asked.contains(midnight - little)
    assert asked.between(midnight, midnight + little) == [midnight]
    assert asked.between(midnight + little, midnight + timedelta(days=1)) == []
    assert list(asked.timestamps(midnight - little, midnight + little)) == [int(midnight.timestamp())]
    assert asked.between(midnight, midnight) == []
    assert asked.between(midnight + timedelta(days=9), midnight) == []
    bound = Recurrence(asked.expression, "UTC", start=midnight + little, end=midnight + timedelta(days=1) + little)
    assert bound.between(midnight, LAST) == [midnight + timedelta(days=1)]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/St_Johns"])
def test_answers_are_in_the_rule_s_zone_whatever_the_question_s(zone: str) -> None:
    asked = Recurrence(Cron("30 2 * * *"), timezone=zone)
    moment = datetime(2026, 7, 1, 12, tzinfo=UTC)
    answers = {asked.next_after(moment.astimezone(zoneinfo.ZoneInfo(name))) for name in (*ODD, "Asia/Tokyo")}
    assert len(answers) == 1
    (answer,) = answers
    assert answer is not None
    assert answer.tzinfo is asked.zone
    assert (answer.hour, answer.minute, answer.second, answer.microsecond) == (2, 30, 0, 0)
