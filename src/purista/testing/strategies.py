"""Hypothesis strategies that draw legal contracts, for tests of dialects, ledgers and of users' own code.

What belongs here: values that ``contract.rules.validate`` takes. Needs hypothesis: ``pip install hypothesis``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from purista.contract.identity import validate_name
from purista.contract.manifest import Manifest
from purista.contract.schedule import ConcurrencyPolicy, MissedRunPolicy, Schedule, Target, TargetKind
from purista.errors import InvalidSchedule
from purista.recurrence import Cron, Expression, Interval, OneShot

try:
    from hypothesis import strategies as st
except ModuleNotFoundError as missing:  # pragma: no cover - an installation without hypothesis
    msg = "purista.testing.strategies draws with hypothesis; pip install hypothesis"
    raise ModuleNotFoundError(msg) from missing

__all__ = [
    "cron_expressions", "expressions", "json_objects", "json_values", "manifests", "names", "payload_templates",
    "schedules", "timezones",
]  # fmt: skip

_ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca")
_FIELDS = ("{scheduled_at}", "{scheduled_at:%Y-%m}", "{scheduled_at:%G-W%V}", "{occurrence_id}", "{schedule_name}")
_NEIGHBOURS = ("{previous_at:%Y-%m-%d}", "{next_at}")
_ALPHABET = "abcxyzABZ0189._- :äéЖ日本😀"
_YEAR_MS = 366 * 86_400_000
_2026_MS = 1_767_225_600_000


def _is_name(text: str) -> bool:
    try:
        validate_name("schedule", text)
    except InvalidSchedule:
        return False
    return True


def names() -> st.SearchStrategy[str]:
    """Names that every kind of thing may have."""
    return st.text(_ALPHABET, min_size=1, max_size=30).filter(_is_name)


def timezones() -> st.SearchStrategy[str]:
    """Zones with and without changes of the clocks, among them one of half an hour."""
    return st.sampled_from(_ZONES)


def _field(low: int, high: int) -> st.SearchStrategy[str]:
    value = st.integers(low, high)
    pair = st.tuples(value, value).map(sorted)
    item = st.one_of(
        value.map(str),
        pair.map(lambda ends: f"{ends[0]}-{ends[1]}"),
        st.tuples(pair, st.integers(1, 5)).map(lambda drawn: f"{drawn[0][0]}-{drawn[0][1]}/{drawn[1]}"),
    )
    several = st.lists(item, min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), st.integers(2, 5).map(lambda step: f"*/{step}"), several)


def cron_expressions() -> st.SearchStrategy[Cron]:
    """Five fields that are due in every year: days up to the 28th."""
    fields = st.tuples(_field(0, 59), _field(0, 23), _field(1, 28), _field(1, 12), _field(0, 6))
    return st.one_of(fields.map(" ".join), st.sampled_from(["@hourly", "@daily", "@yearly", "0 2 1 * mon"])).map(Cron)


def expressions() -> st.SearchStrategy[Expression]:
    """Cron, intervals of whole minutes, and one-shots between 2026 and 2036."""
    minutes = st.integers(1, 60 * 24 * 40)
    intervals = st.tuples(minutes, st.integers(0, 10_000)).map(
        lambda drawn: Interval(timedelta(minutes=drawn[0]), timedelta(minutes=drawn[1] % drawn[0]))
    )
    shots = st.integers(0, 10 * 365 * 86_400).map(
        lambda seconds: OneShot(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))
    )
    return st.one_of(cron_expressions(), intervals, shots)


def json_values(texts: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[Any]:
    """JSON values but null at the top, with numbers that every reader holds. ``texts`` draws the strings."""
    plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    strings = plain if texts is None else texts
    numbers = st.one_of(st.integers(-(2**53) + 1, 2**53 - 1), st.floats(allow_nan=False, allow_infinity=False))
    leaves = st.one_of(strings, numbers, st.booleans())
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(st.one_of(st.none(), inner), max_size=4),
            st.dictionaries(plain, st.one_of(st.none(), inner), max_size=4),
        ),
        max_leaves=8,
    )


def json_objects() -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects of texts and numbers."""
    return st.dictionaries(st.text("abcXYZ_é", max_size=8), json_values(), max_size=4)


def payload_templates(*, neighbours: bool = True) -> st.SearchStrategy[Any]:
    """Payload templates; ``neighbours`` allows ``previous_at`` and ``next_at``, which one-shots have not."""
    literal = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{}"), max_size=10)
    field = st.sampled_from(_FIELDS + (_NEIGHBOURS if neighbours else ()))
    texts = st.lists(st.one_of(literal, field, st.sampled_from(["{{", "}}"])), max_size=4).map("".join)
    return json_values(texts)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """A legal contract with any of its options."""
    expression = draw(expressions())
    repeats = not isinstance(expression, OneShot)
    kind = draw(st.sampled_from(TargetKind))
    service, version = draw(names()), draw(st.sampled_from(["1", "2.1", "10"]))
    missed = draw(st.sampled_from(MissedRunPolicy))
    keyed = draw(st.booleans())
    template = draw(payload_templates(neighbours=repeats))
    return Schedule(
        service=service,
        version=version,
        name=draw(names()),
        description=draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=20)),
        expression=expression,
        timezone=draw(timezones()),
        target=Target(kind, draw(names()), service, version),
        concurrency_policy=draw(st.sampled_from(ConcurrencyPolicy)),
        missed_run_policy=missed,
        max_catch_up_count=draw(st.integers(1, 100)) if missed is MissedRunPolicy.BACKFILL else None,
        payload={"id": "{scheduled_at:%Y-%m-%d %H:%M}", "more": template}
        if keyed
        else draw(st.sampled_from([None, template])),
        idempotency_key="payload.id" if keyed else None,
        parameter=None if kind is TargetKind.EVENT else draw(st.one_of(st.none(), json_objects())),
        **draw(_extras(repeats=repeats)),
    )


def _extras(*, repeats: bool) -> st.SearchStrategy[dict[str, Any]]:
    """Options that are legal beside any others."""
    optional: dict[str, st.SearchStrategy[Any]] = {
        "start_deadline_ms": st.integers(1, 10**9),
        "run_timeout_ms": st.integers(1, 10**9),
        "completed_by": names().map(lambda name: f"{name}.done"),
        "renamed_from": st.lists(names().map(lambda name: f"old {name}"), max_size=2).map(tuple),
        "environments": st.lists(names(), max_size=2).map(tuple),
        "scheduler_group": names(),
        "enabled_by_default": st.booleans(),
        "provider_hints": json_objects(),
    }
    if repeats:
        optional |= {
            "jitter_window_ms": st.integers(0, 59_999),
            "start_ms": st.integers(_2026_MS - _YEAR_MS, _2026_MS),
            "end_ms": st.integers(_2026_MS + 2 * _YEAR_MS, _2026_MS + 9 * _YEAR_MS),
        }
    return st.fixed_dictionaries({}, optional=optional)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    """A manifest of up to four schedules, no two of one key."""
    return Manifest(
        title=draw(st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))),
        version=draw(st.sampled_from(["1.0.0", "2"])),
        schedules=tuple(draw(st.lists(schedules(), max_size=4, unique_by=lambda schedule: schedule.key))),
        revision=draw(st.one_of(st.none(), st.integers(0, 10**6))),
        environment=draw(st.one_of(st.none(), names())),
    )
