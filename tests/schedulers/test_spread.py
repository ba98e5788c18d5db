"""A jitter window on schedulers that have none: each key has its own moment in it, and the caller waits for that."""

from __future__ import annotations

import datetime as dt
import json
import shlex
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purista import Cron, DefaultEventBridge, ServiceBuilder
from purista.cli.trigger import main as trigger
from purista.schedulers.cron.dialect import CronDialect
from purista.schedulers.spread import delay_s, too_late
from purista.testing import ManualClock
from tests.schedulers.kubernetes.world import dialect as kubernetes
from tests.schedulers.test_cover import OWNER, place, schedule

MIDNIGHT = Cron("0 0 * * *")


@given(st.text(min_size=1, max_size=20), st.integers(0, 86_400_000))
def test_it_lies_in_the_window_and_is_always_the_same(name: str, window: int) -> None:
    one, other = (schedule(MIDNIGHT, "UTC", name, jitter_window_ms=window) for _ in range(2))
    assert delay_s(one) == delay_s(other)
    assert 0 <= delay_s(one) <= max(0, window // 1000 - 1)


def test_a_herd_is_spread_over_its_window() -> None:
    herd = [schedule(MIDNIGHT, "UTC", f"job{number}", jitter_window_ms=600_000) for number in range(1_000)]
    minutes = Counter(delay_s(one) // 60 for one in herd)
    assert set(minutes) == set(range(10))
    assert max(minutes.values()) < 150


def test_lines_of_cron_wait_each_for_its_own() -> None:
    herd = [schedule(MIDNIGHT, "UTC", name, jitter_window_ms=600_000) for name in ("a", "b")]
    plain = schedule(MIDNIGHT, "UTC", "c")
    compiled = CronDialect(place("UTC")).compile(OWNER, [*herd, plain])
    commands = {entry.keys: shlex.split(entry.body.splitlines()[1].split(" ", 6)[6]) for entry in compiled.entries}
    for one in herd:
        given_ = commands[one.key,]
        assert given_[given_.index("--delay") + 1] == str(delay_s(one))
    assert "--delay" not in commands[plain.key,]
    assert len({entry.name for entry in compiled.entries}) == len(compiled.entries)


def test_jobs_of_kubernetes_wait_and_have_the_time_for_it() -> None:
    one = schedule(MIDNIGHT, "UTC", "a", jitter_window_ms=3_600_000, start_deadline_ms=7_200_000)
    (entry,) = kubernetes().compile(OWNER, [one]).entries
    job = json.loads(entry.body)["spec"]["jobTemplate"]["spec"]
    assert f"--delay={delay_s(one)}" in job["template"]["spec"]["containers"][0]["command"]
    assert job["activeDeadlineSeconds"] >= 600 + 5 * delay_s(one)


def test_a_window_beyond_the_deadline_is_said() -> None:
    assert too_late(schedule(MIDNIGHT, "UTC", jitter_window_ms=60_000)) is None
    assert "after the start deadline (30 s)" in str(
        too_late(schedule(MIDNIGHT, "UTC", jitter_window_ms=60_000, start_deadline_ms=30_000))
    )


@pytest.mark.parametrize("text", ["-1", "86401", "1.5", "soon", "9" * 30])
def test_what_is_no_delay_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        trigger([f"--delay={text}", "s/1/a"])
    assert ended.value.code == 64
    assert "expected 0 to 86400 seconds" in capsys.readouterr().err


def test_the_call_waits_by_the_clock_before_it_asks(tmp_path: Path) -> None:
    waited: list[float] = []

    class Waits(ManualClock):
        async def sleep(self, seconds: float) -> None:
            waited.append(seconds)

    assert trigger(["--delay", "37", "--ledger", str(tmp_path / "none.db"), "s/1/a"], clock=Waits()) == 69
    assert waited == [37]


@pytest.mark.parametrize(("late", "left"), [(0, [2400.0]), (600, [1800.0]), (2400, []), (9000, [])])
def test_a_job_that_is_tried_again_waits_from_when_it_was_due(tmp_path: Path, late: int, left: list[float]) -> None:
    waited: list[float] = []

    class Waits(ManualClock):
        async def sleep(self, seconds: float) -> None:
            waited.append(seconds)

    due = 1_767_225_600
    clock, job = Waits(dt.datetime.fromtimestamp(due + late, dt.UTC)), f"nightly-{due // 60}"
    trigger(["--delay", "2400", "--job", job, "--ledger", str(tmp_path / "none.db"), "s/1/a"], clock=clock)
    assert waited == left


async def test_what_may_be_called_later_is_not_overdue_before(tmp_path: Path) -> None:
    bridge = DefaultEventBridge(tmp_path / "p.db", clock=ManualClock())
    service = ServiceBuilder("s", "1")
    service.schedule("a", Cron("0 * * * *"), timezone="UTC", emit="due", jitter_window=900)
    service.schedule("b", Cron("0 * * * *"), timezone="UTC", emit="due")
    async with await service.get_instance(bridge):
        ((_, lineages),) = await bridge.ledger.registered()
        lateness = {lineage.key: lineage.contracts[-1].lateness for lineage in lineages}
    assert lateness["s/1/a"] - lateness["s/1/b"] == 900_000
