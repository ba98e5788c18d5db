"""Any history of contracts, clocks and failing calls, against a runner that looks at every schedule in every second."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from purista.clock import to_datetime
from purista.recurrence import Cron, Interval, OneShot, Recurrence
from purista.schedulers.local.runner import LOOK_BACK_MS, SET_BACK_MS
from purista.schedulers.local.timetable import Timetable
from purista.simulation.loop import TimeLoop
from tests.schedulers.local_world import START, World

KEYS = st.sampled_from("abcdef")
BERLIN = "Europe/Berlin"
RULES = st.one_of(
    st.builds(lambda s: Recurrence(Interval(s)), st.sampled_from([60, 90, 300, 3600, 86_400])),
    st.builds(
        lambda m, h: Recurrence(Cron(f"{m} {h} * * *"), BERLIN),
        st.sampled_from(["*", "*/7", "0", "59"]),
        st.sampled_from("*013"),
    ),
    st.builds(lambda s: Recurrence(OneShot(to_datetime(START + s * 1000))), st.integers(0, 20_000)),
    st.builds(lambda s: Recurrence(Interval(60), end=START // 1000 + s), st.integers(1, 20_000)),
)


class Naive:
    """Each schedule with the instant up to which it was asked for. No heap: it goes through all of them, always."""

    def __init__(self) -> None:
        self.rules: dict[str, Recurrence] = {}
        self.base: dict[str, int] = {}
        self.owed: dict[str, tuple[int, int]] = {}  # key → when it is called again, after how many failures
        self.seen = self.read_at = START
        self.failing: set[str] = set()
        self.calls: list[tuple[int, str]] = []

    def at(self, key: str) -> int | None:
        if key in self.owed:
            return self.owed[key][0]
        found = self.rules[key].next_timestamp(self.base[key] // 1000)
        return None if found is None else found * 1000

    def read(self, rules: dict[str, Recurrence], now: int) -> None:
        base = max(min(self.read_at, now), now - LOOK_BACK_MS)
        for key in [key for key in self.rules if key not in rules]:
            self.owed.pop(key, None)
        for key, rule_ in rules.items():
            if key not in self.rules or (self.rules[key] != rule_ and key not in self.owed):
                self.base[key] = base
        self.rules, self.read_at = dict(rules), now
        self.call(now)

    def call(self, now: int) -> None:
        for key in self.rules:
            at = self.at(key)
            if at is not None and at <= now:
                self.calls.append((now, key))
                self.base[key] = now
                tries = self.owed.pop(key, (0, 0))[1]
                if key in self.failing:
                    self.owed[key] = now + min(1000 << tries, 60_000), tries + 1

    def pass_time(self, now: int, until: int) -> None:
        while True:
            ahead = [at for key in self.rules if (at := self.at(key)) is not None and at <= until]
            if not ahead:
                break
            self.look(min(ahead))
        self.look(until)

    def look(self, now: int) -> None:
        if now < self.seen - SET_BACK_MS:
            for key in self.rules:
                self.base[key] = now
            self.owed = {key: (now, tries) for key, (_, tries) in self.owed.items()}
            self.seen = now
        self.seen = max(self.seen, now)
        self.call(now)


class Histories(RuleBasedStateMachine):
    """The runner in virtual time, and beside it the naive one."""

    def __init__(self) -> None:
        super().__init__()
        self.loop, self.naive = TimeLoop(), Naive()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    @initialize()
    def begin(self) -> None:
        async def make() -> World:
            world = World({})
            world.answer = self._answer
            return await world.__aenter__()

        self.world = self.run(make())

    async def _answer(self, key: str) -> None:
        if key in self.naive.failing:
            raise RuntimeError("no")

    @property
    def now(self) -> int:
        return int(self.world.clock.now())

    @rule(key=KEYS, rule_=RULES, told=st.booleans())
    def put(self, key: str, rule_: Recurrence, told: bool) -> None:
        self.world.rules[key] = rule_
        self._read({key: rule_} if told else None)

    @precondition(lambda self: self.naive.rules)
    @rule(data=st.data(), told=st.booleans())
    def remove(self, data: st.DataObject, told: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.world.rules)))
        del self.world.rules[key]
        self._read({key: None} if told else None)

    @rule(many=st.dictionaries(KEYS, RULES))
    def deploy(self, many: dict[str, Recurrence]) -> None:
        self.world.rules = dict(many)
        self._read()

    def _read(self, changed: dict[str, Recurrence | None] | None = None) -> None:
        self.run(self.world.refresh(changed))
        self.naive.read(self.world.rules, self.now)

    @rule(seconds=st.integers(0, 5000))
    def advance(self, seconds: int) -> None:
        before = self.now
        self.run(self.world.pass_seconds(seconds))
        self.run(self.world.jump(0))  # have it look: how far the clock was set back, it counts from its last look
        self.naive.pass_time(before, self.now)

    @rule(milliseconds=st.one_of(st.integers(-1500, 1500), st.integers(-20_000_000, 20_000_000)))
    def jump(self, milliseconds: int) -> None:
        self.run(self.world.jump(milliseconds / 1000))
        self.naive.look(self.now)

    @rule(key=KEYS)
    def break_or_mend(self, key: str) -> None:
        self.naive.failing ^= {key}

    @invariant()
    def the_same_calls(self) -> None:
        if not hasattr(self, "world"):
            return
        assert sorted(self.world.calls) == sorted(self.naive.calls)
        self.world.calls, self.naive.calls = [], []
        assert self.world.under_way == 0

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.run(self.world.__aexit__())
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()
        asyncio.set_event_loop(None)


Histories.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestHistories = Histories.TestCase


class Tables(RuleBasedStateMachine):
    """The heap alone, with the ways into it that the runner takes together: each one's next call is the naive one's."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.now = Timetable(), START
        self.naive: dict[str, tuple[Recurrence, int]] = {}

    @rule(key=KEYS, rule_=RULES)
    def put(self, key: str, rule_: Recurrence) -> None:
        self.table.put(key, rule_, self.now)
        if key not in self.naive or self.naive[key][0] != rule_:
            self.naive[key] = rule_, self.now

    @rule(key=KEYS)
    def remove(self, key: str) -> None:
        self.table.remove(key)
        self.naive.pop(key, None)

    @rule(seconds=st.integers(0, 10_000))
    def advance(self, seconds: int) -> None:
        self.now += seconds * 1000
        due = self.table.due(self.now)
        assert sorted(slot.key for slot in due) == sorted(
            key for key in self.naive if (at := self._at(key)) is not None and at <= self.now
        )
        self.table.done([(slot, self.now) for slot in due])
        for slot in due:
            self.naive[slot.key] = self.naive[slot.key][0], self.now

    @rule(seconds=st.integers(1, 10_000))
    def set_back(self, seconds: int) -> None:
        self.now -= seconds * 1000
        self.table.rebuild(self.now)
        self.naive = {key: (rule_, self.now) for key, (rule_, _) in self.naive.items()}

    def _at(self, key: str) -> int | None:
        rule_, base = self.naive[key]
        found = rule_.next_timestamp(base // 1000)
        return None if found is None else found * 1000

    @invariant()
    def the_same_head(self) -> None:
        heads = [at for key in self.naive if (at := self._at(key)) is not None]
        assert self.table.head == min(heads, default=None)
        assert len(self.table) == len(self.naive)
        assert len(self.table._heap) <= 2 * len(self.naive) + 20, "stale items pile up"


Tables.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestTables = Tables.TestCase
