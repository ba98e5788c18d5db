"""Sets of numbers become cron text that means exactly them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purista.importers.base import NotCarried
from purista.importers.fields import FULL, cron_text, field_text, weekday_text
from purista.importers.zones import zone_name
from purista.recurrence import Cron, Recurrence
from purista.recurrence.fields import FIELDS, parse_field


@pytest.mark.parametrize("index", range(5))
@given(data=st.data())
def test_a_field_reads_back_as_its_values(index, data):
    low = FIELDS[index].low
    values = data.draw(st.sets(st.integers(low, low + FULL[index] - 1), min_size=1))
    assert set(parse_field(field_text(index, values), index).values) == values


def test_the_sources_text_is_kept_where_cron_reads_it_the_same():
    assert field_text(0, {0, 15, 30, 45}, "0,15,30,45") == "0,15,30,45"
    assert field_text(0, {0, 15, 30, 45}, "*/15") == "*/15"
    assert field_text(0, {5, 20, 35, 50}, "5/15") == "5-50/15"


def test_weekdays_are_written_by_name_from_monday_on():
    assert weekday_text({1, 2, 3, 4, 5}) == "mon-fri"
    assert weekday_text({0, 6}) == "sat,sun"
    assert weekday_text({0, 5, 6}) == "fri,sat,sun"
    assert weekday_text({1, 3}) == "mon,wed"


@given(days=st.sets(st.integers(1, 31), min_size=1), weekdays=st.sets(st.integers(0, 6), min_size=1))
def test_day_and_weekday_must_both_match_or_it_is_refused(days, weekdays):
    values = [{0}, {0}, days, set(range(1, 13)), weekdays]
    if len(days) < 31 and len(weekdays) < 7 and 1 not in days and 0 not in weekdays:
        with pytest.raises(NotCarried, match="both match"):
            cron_text(values)
        return
    text = cron_text(values)
    rule = Recurrence(Cron(text), "UTC")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    expected = [
        day for n in range(120)
        if (day := start + timedelta(days=n)).day in days and day.isoweekday() % 7 in weekdays
    ]  # fmt: skip
    assert rule.between(start, start + timedelta(days=120)) == expected


def test_zones_have_names_or_are_refused():
    from datetime import timezone
    from zoneinfo import ZoneInfo

    assert zone_name(UTC) == "UTC"
    assert zone_name("Europe/Berlin") == "Europe/Berlin"
    assert zone_name(ZoneInfo("Asia/Tokyo")) == "Asia/Tokyo"
    east = timezone(timedelta(hours=2))
    assert zone_name(east) == "Etc/GMT-2"
    assert datetime(2026, 1, 1, tzinfo=ZoneInfo(zone_name(east))).utcoffset() == timedelta(hours=2)
    with pytest.raises(NotCarried):
        zone_name(timezone(timedelta(minutes=90)))
