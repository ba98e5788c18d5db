"""Seeds: the laws hold under faults, a broken rule is found, shrunk and shown again exactly."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from purista.cli.commands import run
from purista.clock import from_iso
from purista.gateway import decide, runs
from purista.ledgers.sqlite import SqliteLedger
from purista.simulation.faults import Chances, Jump
from purista.simulation.simulate import Outcome, Plan, faults_of, least, simulate
from purista.testing import ManualClock
from tests.simulation.apps import every_policy

HOUR = 3_600_000
START = from_iso("2026-03-28T22:10:00Z")
FAULTS = Chances(crash=0.15, duplicate=0.2, jumps=(-2 * HOUR, 90 * 60_000))
ROOT = Path(__file__).parents[2]


def plan(hours: float = 4, chances: Chances = FAULTS, **options: Any) -> Plan:
    return Plan(START, int(hours * HOUR), chances, **options)


def lives(seeds: range, hours: float, chances: Chances) -> None:
    app = every_policy()
    for seed in seeds:
        outcome = simulate(app, plan(hours, chances), seed)
        assert not outcome.broken, f"seed {seed}: {outcome.broken[:3]}"
        assert outcome.decided >= 9 * 2 * (hours - 3)
        assert outcome.worked


def test_the_laws_hold() -> None:
    lives(range(20), 4, FAULTS)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 1_000, 100), ids="part {}".format)
def test_the_laws_hold_in_a_thousand_lives(first: int) -> None:
    """The longest test of all (minutes of computing): in parts, so that several workers can share it."""
    lives(range(first, first + 100), 3.1, FAULTS)


@pytest.mark.slow
def test_the_laws_hold_over_a_week_with_many_jumps() -> None:
    jumps = (-2 * HOUR, 90 * 60_000, 26 * HOUR, -1_000, 1_000, -26 * HOUR, 30_000, -30_000)
    lives(range(5), 7 * 24, Chances(0.02, 0.02, jumps))


def test_faults_are_those_of_the_seed() -> None:
    app = every_policy()
    first, again, other = faults_of(app, plan(), 1), faults_of(app, plan(), 1), faults_of(app, plan(), 2)
    assert first == again != other
    assert [fault.number for fault in first] == list(range(len(first)))
    assert [fault.by for fault in first if isinstance(fault, Jump)] == list(FAULTS.jumps)
    assert faults_of(app, plan(chances=Chances()), 1) == []


def _overlaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "_forbid", lambda verdicts, *_: verdicts)
    monkeypatch.setattr(runs, "blocking", lambda *_: [])


def _forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    due = decide._due

    def only_the_last(*arguments: Any) -> Any:
        found, until = due(*arguments)
        return found[-1:], until

    monkeypatch.setattr(decide, "_due", only_the_last)


def _loses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every tenth message is not sent."""
    send, sent = SqliteLedger._send, itertools.count()
    monkeypatch.setattr(SqliteLedger, "_send", lambda *arguments: next(sent) % 10 and send(*arguments))


def _decides_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "_leeway", lambda schedule: HOUR)


@pytest.mark.parametrize(
    ("breaks", "law"),
    [
        (_overlaps, "forbid never overlaps"),
        (_forgets, "decided once"),
        (_loses, "nothing lost"),
        (_decides_early, "not early"),
    ],
)
def test_a_broken_rule_is_found(
    breaks: Callable[[pytest.MonkeyPatch], None], law: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks(monkeypatch)
    app = every_policy()
    outcomes = (simulate(app, plan(), seed) for seed in range(20))
    found = next((outcome for outcome in outcomes if outcome.broken), None)
    assert found is not None, "twenty seeds did not find it"
    assert law in {broken.law for broken in found.broken}


def test_a_failing_seed_is_shrunk_and_fails_again_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    _forgets(monkeypatch)
    app, chosen = every_policy(), plan()
    failing = next(o for seed in range(20) if (o := simulate(app, chosen, seed)).broken)
    small = least(app, chosen, failing)
    assert 1 <= len(small.faults) < len(failing.faults)
    numbers = [fault.number for fault in small.faults]
    assert simulate(app, chosen, failing.seed, numbers) == small, "the same again"
    for left_out in numbers:
        fewer = simulate(app, chosen, failing.seed, [n for n in numbers if n != left_out])
        laws = {broken.law for broken in fewer.broken}
        assert not laws & {broken.law for broken in failing.broken}, f"fault {left_out} is not needed"


ARGUMENTS = [
    "simulate", "--app", "tests.simulation.apps:app", "--from", "2026-03-28T22:10Z", "--for", "4h", "--crash", "0.15",
    "--duplicate", "0.2", "--clock-jump", "-2h", "--clock-jump=90m",
]  # fmt: skip


def test_a_seed_is_the_same_in_every_process() -> None:
    """Also under other hashes of texts: nothing depends on the order of a set."""
    outputs = set()
    for number in ("1", "2"):
        words = [sys.executable, "-m", "purista", *ARGUMENTS, "--seed", "11", "--json"]
        environment = os.environ | {"PYTHONHASHSEED": number}
        outputs.add(subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout)
    (output,) = outputs
    document = json.loads(output)
    assert document["broken"] == []
    assert len(document["timeline"]) > 100


def test_the_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert run([*ARGUMENTS, "--seed", "3", "--seeds", "2"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("2 seeds: ")
    assert "every law held: decided once, forbid never overlaps, nothing lost" in out
    assert run([*ARGUMENTS, "--seed", "3", "-n", "5000"]) == 0
    assert "process died" in capsys.readouterr().out


def test_what_is_due_at_the_very_start_is_nobodys(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start without --from is a full hour, at which a minutely schedule is due: it is registered then, not before."""
    monkeypatch.chdir(ROOT / "examples/hello")
    assert (
        run(["simulate", "--app", "hello:app", "--for", "1h", "-n", "1"], clock=ManualClock("2026-11-27T06:20:00Z"))
        == 0
    )
    out = capsys.readouterr().out
    assert "90 decided (30 of them after the 1h, until all was done), " in out
    assert " times again) under 0 faults; every law held" in out
    faults = ["--crash", "0.1", "--duplicate", "0.2", "--clock-jump", "-1h"]
    assert run(["simulate", "--app", "hello:app", "--for", "2h", *faults]) == 0


def test_the_command_says_what_broke_and_how_to_see_it_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    _forgets(monkeypatch)
    assert run([*ARGUMENTS, "--seeds", "20"]) == 1
    out = capsys.readouterr().out
    assert "broken: decided once: s/1/" in out
    assert "was due and has no decision" in out
    (again,) = [line.removeprefix("again: purista ") for line in out.splitlines() if line.startswith("again: ")]
    assert run([*again.split(), "--json"]) == 1
    first = json.loads(capsys.readouterr().out)
    assert run([*again.split(), "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == first
    assert {broken["law"] for broken in first["broken"]} == {"decided once"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--for", "soon"], "--for: expected a time such as 90s"),
        (["--for", "-1h"], "--for: expected some time"),
        (["--clock-jump", "1 h"], "--clock-jump: expected a time"),
        (["--faults", "a"], "--faults: expected numbers"),
    ],
)
def test_what_cannot_be_read_is_said(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert run(["simulate", "--app", "tests.simulation.apps:app", *words]) == 64
    assert message in capsys.readouterr().err


def test_real_handlers_work_when_asked_for() -> None:
    worked: list[Outcome] = [simulate(every_policy(), plan(chances=Chances(), real=real), 0) for real in (True, False)]
    real, stand_in = worked
    assert not real.broken
    assert not stand_in.broken
    assert {line.detail for line in real.lines if line.what == "done"} == {
        "after 0 s in worker-1", "after 0 s in worker-2",
    }  # fmt: skip
