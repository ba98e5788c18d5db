"""Gateways and workers as processes, what is done to them, and the account at the end."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from purista.ledgers.base import Decision, Ledger, Query, RunState

__all__ = ["Account", "Fleet"]

NODE = Path(__file__).with_name("node.py")


@dataclass(slots=True)
class Account:
    """What was counted: by the ledger, and by the work itself."""

    decided: int = 0
    published: int = 0
    finished: int = 0
    begun: int = 0
    again: int = 0
    refused: int = 0
    seconds: float = 0
    faults: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        faults = ", ".join(f"{count} × {name}" for name, count in sorted(self.faults.items()))
        return (
            f"{self.decided} decided ({self.decided / max(1, self.seconds):.1f} a second), {self.published} published, "
            f"{self.finished} finished, begun {self.begun} times ({self.again} again after a fault), "
            f"{self.refused} calls without an answer; {faults}"
        )


class Fleet:
    """``config`` is what ``node.py`` reads; ``before`` begins the command line of every node."""

    def __init__(self, config: dict[str, Any], *, seed: int, before: Sequence[str] = ()) -> None:
        self.config, self.before = config, before
        self.random = random.Random(seed)
        self.nodes: dict[int, tuple[str, asyncio.subprocess.Process]] = {}
        self.died: dict[int, float] = {}
        self.account = Account()
        self.log = Path(config["log"])

    async def start(self, *roles: str) -> None:
        for role in roles:
            skew = self.random.choice(self.config.get("skews", [0]))
            with (self.log.parent / f"{role}.err").open("a") as errors:
                process = await asyncio.create_subprocess_exec(
                    *self.before,
                    sys.executable,
                    str(NODE),
                    role,
                    json.dumps(self.config | {"skew_ms": skew}),
                    stdout=asyncio.subprocess.PIPE,
                    stderr=errors,
                )
            self.nodes[process.pid] = role, process

    async def ready(self) -> None:
        for _, process in self.nodes.values():
            assert process.stdout is not None
            line = await asyncio.wait_for(process.stdout.readline(), 60)
            assert line == b"ready\n", f"a node did not start; see {self.log.parent}"

    async def kill(self, role: str) -> None:
        """``kill -9`` one of them, and start another in its place."""
        await self.restart()
        pids = [pid for pid, (its, process) in self.nodes.items() if its == role and process.returncode is None]
        pid = self.random.choice(pids)
        _, process = self.nodes.pop(pid)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        self.died[pid] = time.time()
        self.account.faults[f"{role} killed"] += 1
        await self.start(role)

    async def restart(self) -> None:
        """As a supervisor does: who could not start, because what it needs was away, starts again."""
        for pid, (role, process) in list(self.nodes.items()):
            if process.returncode is not None:
                assert process.stdout is not None
                assert b"ready" not in await process.stdout.read(), f"a {role} gave up; see {self.log.parent}"
                self.died[pid] = time.time()
                self.nodes.pop(pid)
                self.account.faults[f"{role} started again"] += 1
                await self.start(role)

    async def harass(
        self, seconds: float, *faults: Callable[[], Coroutine[Any, Any, None]], pause: float = 0.7
    ) -> None:
        """One fault after another, for so long; each of them once at least."""
        since, left = time.monotonic(), list[Callable[[], Coroutine[Any, Any, None]]]()
        first = len(faults)
        while first > 0 or time.monotonic() < since + seconds:
            left = left or self.random.sample(faults, len(faults))
            await left.pop()()
            first -= 1
            await self.restart()
            await asyncio.sleep(self.random.uniform(0.2, 2 * pause))

    async def stop(self) -> None:
        for pid, (_, process) in self.nodes.items():
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), 30)
            except TimeoutError:
                process.kill()
                await process.wait()
            self.died[pid] = time.time()
        self.nodes = {}

    async def quiet(self, ledger: Ledger, since: int, until: int, patience: float = 90) -> None:
        """Wait until everything that was due in between is decided and has ended."""
        for _ in range(int(patience / 0.5)):
            runs = await self._runs(ledger, since, until)
            open_ = [r for r in runs if r.row.run is RunState.OPEN or r.row.decision is Decision.CLAIMED]
            missing = self._due(since, until) - self._decided(runs)
            if not open_ and not missing:
                return
            await self.restart()
            await asyncio.sleep(0.5)
        raise AssertionError(f"{len(missing)} are not decided, {len(open_)} are claimed or open: {open_[:3]}")

    async def check(self, ledger: Ledger, since: int, until: int) -> Account:
        """Every occurrence has one decision and one end; nothing that forbids it worked twice at a time."""
        runs = await self._runs(ledger, since, until)
        due, decided = self._due(since, until), self._decided(runs)
        assert decided == due, f"missing {list(due - decided)[:5]}, twice or never due {list(decided - due)[:5]}"
        self.account.decided, self.account.seconds = sum(run.row.count for run in runs), (until - since) / 1_000
        published = [run for run in runs if run.row.decision is Decision.PUBLISHED]
        self.account.published = len(published)
        states = Counter(run.row.run for run in published)
        assert set(states) == {RunState.FINISHED}, states
        self.account.finished = states[RunState.FINISHED]
        known = {run.row.occurrence_id for run in await self._runs(ledger, 0, 1 << 45)}
        self._check_work({run.row.occurrence_id for run in published}, known)
        return self.account

    def _due(self, since: int, until: int) -> Counter[tuple[str, int]]:
        due: Counter[tuple[str, int]] = Counter()
        every = self.config["every"]
        for number in range(self.config["schedules"]):
            offset = number % every
            first = -(-(since // 1000 - offset) // every) * every + offset
            due.update((f"fleet/1/s{number}", instant) for instant in range(first, until // 1000, every))
        return due

    def _decided(self, runs: list[Any]) -> Counter[tuple[str, int]]:
        decided: Counter[tuple[str, int]] = Counter()
        for run in runs:
            stretch = range(run.row.scheduled_at // 1000, run.row.last_at // 1000 + 1, self.config["every"])
            decided.update((run.row.key, instant) for instant in stretch)
        return decided

    def _check_work(self, published: set[str], known: set[str]) -> None:
        spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
        begun: Counter[str] = Counter()
        open_: dict[tuple[int, str], list[tuple[str, float]]] = defaultdict(list)
        ended: set[str] = set()
        for line in self.log.read_text().splitlines():
            one = json.loads(line)
            if one["what"] == "refused":
                self.account.refused += 1
                continue
            if one["what"] == "sent again":
                self.account.faults["message sent again"] += one["count"]
                continue
            place = one["pid"], one["id"]
            if one["what"] == "begin":
                begun[one["id"]] += 1
                open_[place].append((one["key"], one["at"]))
            else:
                key, began = open_[place].pop(0)
                spans[key].append((began, one["at"]))
                if one["what"] == "end":
                    ended.add(one["id"])
        for (pid, _), left in open_.items():  # until its process died, at most
            for key, began in left:
                spans[key].append((began, self.died.get(pid, time.time())))
        assert published <= ended, f"decided and never worked to its end: {sorted(published - ended)[:3]}"
        assert set(begun) <= known, "worked without a decision"
        self.account.begun, self.account.again = sum(begun.values()), sum(begun.values()) - len(begun)
        for key, found in spans.items():
            if int(key.rpartition("s")[2]) % 2:
                continue  # allow
            found.sort()
            for (_, end), (begin, _) in pairwise(found):
                assert begin >= end - 0.001, f"{key} worked twice at a time"

    async def _runs(self, ledger: Ledger, since: int, until: int) -> list[Any]:
        runs: list[Any] = []
        before = None
        while True:
            page = await ledger.history(Query(start=since, end=until, limit=1_000, before=before))
            runs += page.rows
            if page.next is None:
                return runs
            before = page.next
