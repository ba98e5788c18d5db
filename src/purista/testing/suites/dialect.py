"""The laws of :class:`~purista.schedulers.base.Dialect`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from purista.contract.schedule import ConcurrencyPolicy, MissedRunPolicy, Schedule, Target, TargetKind
from purista.recurrence import Cron, Expression, Interval, OneShot, Recurrence
from purista.schedulers.base import Compiled, Dialect, Owner, Severity
from purista.schedulers.support import By, Feature

__all__ = ["DialectSuite", "declared"]

DAY = 86_400
NOW = 1_767_225_600  # 2026-01-01T00:00:00Z
OWNER = Owner("user", "production", "ledger-1")

RULES: dict[str, tuple[Expression, str]] = {
    "every-5-minutes": (Cron("*/5 * * * *"), "UTC"),
    "hourly": (Cron("0 * * * *"), "Europe/Berlin"),
    "nightly": (Cron("30 2 * * *"), "Europe/Berlin"),
    "new-york": (Cron("30 1 * * mon-fri"), "America/New_York"),
    "lord-howe": (Cron("45 1 * * *"), "Australia/Lord_Howe"),
    "kathmandu": (Cron("0 9 1 * *"), "Asia/Kathmandu"),
    "day-or-weekday": (Cron("0 12 13 * fri"), "UTC"),
    "leap-day": (Cron("0 0 29 2 *"), "UTC"),
    "every-90-minutes": (Interval(5_400), "UTC"),
    "once": (OneShot("2026-07-01T12:00:00Z"), "UTC"),
}
ASKING: dict[Feature, tuple[Expression, dict[str, Any]]] = {
    Feature.CRON: (Cron("30 5 * * *"), {}),
    Feature.EITHER_DAY: (Cron("0 12 13 * fri"), {}),
    Feature.INTERVAL: (Interval(5_400), {}),
    Feature.ONE_SHOT: (OneShot("2026-07-01T12:00:00Z"), {}),
    Feature.TIMEZONE: (Cron("30 5 * * *"), {"timezone": "Europe/Berlin"}),
    Feature.CLOCK_CHANGE: (Cron("30 2 * * *"), {"timezone": "Europe/Berlin"}),
    Feature.BOUNDS: (Cron("30 5 * * *"), {"start_ms": (NOW + 5 * DAY) * 1000, "end_ms": (NOW + 400 * DAY) * 1000}),
    Feature.JITTER: (Cron("30 5 * * *"), {"jitter_window_ms": 60_000}),
    Feature.DISABLED: (Cron("30 5 * * *"), {"enabled_by_default": False}),
    Feature.MISSED_RUNS: (Cron("30 5 * * *"), {"missed_run_policy": MissedRunPolicy.BACKFILL}),
    Feature.START_DEADLINE: (Cron("30 5 * * *"), {"start_deadline_ms": 600_000}),
    Feature.CONCURRENCY: (Cron("30 5 * * *"), {"concurrency_policy": ConcurrencyPolicy.FORBID}),
    Feature.RUN_TIMEOUT: (Cron("30 5 * * *"), {"run_timeout_ms": 600_000}),
    Feature.IDEMPOTENCY_KEY: (Cron("30 5 * * *"), {"idempotency_key": "daily-{scheduled_at}"}),
}
"""A schedule that asks for each; the rest is asked for by every schedule, or by nobody who declares one."""
SPANS = {
    "winter": (NOW + 5 * DAY, NOW + 12 * DAY),
    "clocks-go-forward": (NOW + 66 * DAY, NOW + 96 * DAY),
    "summer": (NOW + 175 * DAY, NOW + 200 * DAY),
    "clocks-go-back": (NOW + 290 * DAY, NOW + 310 * DAY),
}


def declared(name: str, expression: Expression, timezone: str = "UTC", **options: Any) -> Schedule:
    """A schedule of the suite's owner."""
    return Schedule(
        service=OWNER.service, version="1", name=name, description=name, expression=expression, timezone=timezone,
        target=Target(TargetKind.EVENT, "due", OWNER.service, "1"), **options,
    )  # fmt: skip


class DialectSuite:
    """Subclass it and write ``make``. A dialect may refuse a rule with a finding; what it takes, it must cover.

    ``refuses``: names of :data:`RULES` that this scheduler cannot carry. They are tested to be refused.
    """

    refuses: frozenset[str] = frozenset()
    sweeps = True
    """Whether there is an entry that finishes what calls began. False where calls go to a gateway: it does so itself."""

    def make(self) -> Dialect:
        """The dialect, placed where the suite's contracts are registered at 2026-01-01T00:00:00Z."""
        raise NotImplementedError

    @pytest.fixture
    def dialect(self) -> Dialect:
        """The dialect under test."""
        return self.make()

    def everything(self) -> list[Schedule]:
        """One schedule of every kind."""
        return [declared(name, *rule) for name, rule in RULES.items()]

    def calls(self, dialect: Dialect, compiled: Compiled, key: str, start: int, end: int) -> list[int]:
        """When the scheduler will call for a schedule, by its entries alone."""
        entries = [entry for entry in compiled.entries if key in entry.keys]
        return sorted({at for entry in entries for at in dialect.predict(entry, start, end)})

    @pytest.mark.parametrize("span", SPANS)
    @pytest.mark.parametrize("name", RULES)
    def test_calls_cover_the_contract(self, dialect: Dialect, name: str, span: str) -> None:
        """No later than the stated lateness after each occurrence there is a call; extra calls do no harm."""
        schedule = declared(name, *RULES[name])
        compiled = dialect.compile(OWNER, [schedule])
        if name in self.refuses:
            assert _refused(compiled, schedule.key), f"{name} is declared as refused"
            assert not any(schedule.key in entry.keys for entry in compiled.entries), "refused, and yet an entry"
            return
        assert not _refused(compiled, schedule.key), f"{name}: {compiled.findings}"
        start, end = SPANS[span]
        calls = self.calls(dialect, compiled, schedule.key, start, end + DAY)
        for due in _instants(schedule.recurrence(), start, end):
            late = next((at - due for at in calls if at >= due), None)
            assert late is not None, f"{name}: nothing calls for {due}"
            assert late * 1000 <= dialect.lateness_ms, f"{name}: the call for {due} comes {late} s late"

    def test_the_same_input_gives_the_same_bytes(self, dialect: Dialect) -> None:
        """In whichever order: digests say whether something changed, and nothing else may change them."""
        forward, backward = dialect.compile(OWNER, self.everything()), dialect.compile(OWNER, self.everything()[::-1])
        assert forward == backward == self.make().compile(OWNER, self.everything())
        assert dict(dialect.render(OWNER, forward)) == dict(dialect.render(OWNER, backward))

    def test_what_changes_the_calls_changes_a_digest(self, dialect: Dialect) -> None:
        """Digests say what must be written; two contracts may also come to the same calls."""
        one = dialect.compile(OWNER, [declared("a", Cron("0 5 * * *"))])
        other = dialect.compile(OWNER, [declared("a", Cron("17 5 * * *"))])
        calls = [self.calls(dialect, compiled, "user/1/a", NOW, NOW + DAY) for compiled in (one, other)]
        assert calls[0] == calls[1] or _digests(one) != _digests(other)

    def test_names_are_unique_and_keys_are_known(self, dialect: Dialect) -> None:
        """An entry is found again by its name; it asks for nothing that was not declared."""
        compiled = dialect.compile(OWNER, self.everything())
        names = [entry.name for entry in compiled.entries]
        assert len(names) == len(set(names))
        known = {schedule.key for schedule in self.everything()}
        assert {key for entry in compiled.entries for key in entry.keys} <= known
        assert all(entry.digest and entry.body for entry in compiled.entries)

    def test_nothing_is_dropped_silently(self, dialect: Dialect) -> None:
        """A schedule without an entry has a finding that names it."""
        compiled = dialect.compile(OWNER, self.everything())
        called = {key for entry in compiled.entries for key in entry.keys}
        named = {finding.key for finding in compiled.findings}
        assert {schedule.key for schedule in self.everything()} - called <= named
        assert all(finding.code and finding.message for finding in compiled.findings)

    def test_every_feature_is_stated_and_what_is_refused_is_said(self, dialect: Dialect) -> None:
        """Native, by the gateway, or refused with a finding that names the schedule: there is no fourth."""
        assert set(dialect.support) == set(Feature)
        assert all(stated.note for stated in dialect.support.values())
        for feature, (expression, options) in ASKING.items():
            schedule = declared("asks", expression, **options)
            loud = [f for f in dialect.compile(OWNER, [schedule]).findings if f.key == schedule.key]
            if dialect.support[feature].by is By.REFUSED:
                assert any(f.severity is not Severity.INFO for f in loud), f"{feature} is dropped silently"
            else:
                assert not any(f.severity is Severity.REFUSED for f in loud), (
                    f"{feature} is stated, and refused: {loud}"
                )

    def test_something_finishes_what_calls_began(self, dialect: Dialect) -> None:
        """There is a sweep, which asks for no schedule, and it comes at least every hour."""
        compiled = dialect.compile(OWNER, self.everything())
        sweeps = [entry for entry in compiled.entries if entry.sweep]
        if not self.sweeps:
            assert not sweeps, "declared to have none"
            assert any("finishes what calls began" in finding.message for finding in compiled.findings)
            return
        assert sweeps
        assert all(not entry.keys for entry in sweeps)
        calls = sorted({at for entry in sweeps for at in dialect.predict(entry, NOW, NOW + DAY)})
        assert len(calls) >= 23

    def test_nothing_declared_is_nothing_written(self, dialect: Dialect) -> None:
        """No sweep stays behind when the last schedule is gone."""
        compiled = dialect.compile(OWNER, [])
        assert compiled.entries == ()
        assert dict(dialect.render(OWNER, compiled)) == {}

    def test_owners_do_not_share_names(self, dialect: Dialect) -> None:
        """Two services, two environments: what one writes is never the other's."""
        others = [Owner("order", "production", "ledger-1"), Owner("user", "staging", "ledger-1")]
        mine = dialect.render(OWNER, dialect.compile(OWNER, self.everything()))
        for other in others:
            theirs = dialect.render(other, dialect.compile(other, self.everything()))
            assert not set(mine) & set(theirs)

    def test_hostile_names_do_no_harm(self, dialect: Dialect) -> None:
        """A name can hold quotes, blanks and per cent signs: it is carried as it is, or refused."""
        schedules = [declared(name, Cron("0 5 * * *")) for name in ("it's", 'say "x"', "100%", "a b", "ж", "$(reboot)")]
        compiled = dialect.compile(OWNER, schedules)
        called = {key for entry in compiled.entries for key in entry.keys}
        refused = {finding.key for finding in compiled.findings if finding.severity is Severity.REFUSED}
        assert called | refused >= {schedule.key for schedule in schedules}
        for entry in compiled.entries:
            dialect.predict(entry, NOW, NOW + DAY)


def _instants(rule: Recurrence, start: int, end: int) -> Sequence[int]:
    return rule.timestamps(start, end)


def _refused(compiled: Compiled, key: str) -> bool:
    return any(f.severity is Severity.REFUSED and f.key == key for f in compiled.findings)


def _digests(compiled: Compiled) -> set[str]:
    return {entry.digest for entry in compiled.entries if not entry.sweep}
