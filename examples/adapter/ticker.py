"""A scheduler of our own: a daemon that reads ``ticker.json`` and runs a command every so many seconds since 1970."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from purista.contract.schedule import Schedule
from purista.errors import RegistrationError
from purista.schedulers.base import Applied, Compiled, Entry, Finding, LiveEntry, Owner, Severity
from purista.schedulers.support import Feature, gateway

MINUTE, QUARTER = 60, 900


class TickerDialect:
    """Every quarter of an hour where that is enough, else every minute; the calls between are dropped."""

    name = "ticker"
    lateness_ms = 60_000
    support = dict.fromkeys(Feature, gateway("called every so many seconds; the gateway does the rest"))

    def compile(self, owner: Owner, schedules: Sequence[Schedule]) -> Compiled:
        entries, findings = [], []
        for schedule in sorted(schedules, key=lambda s: s.key):
            seconds = QUARTER if _on_quarters(schedule) else MINUTE
            entries.append(_entry(schedule.key, (schedule.key,), seconds, ["trigger", "--", schedule.key]))
            message = f"covered by a call every {seconds} s; those between are dropped"
            findings.append(Finding("T101", Severity.INFO, schedule.key, message))
        if entries:
            entries.append(_entry("sweep", (), 300, ["trigger", "--sweep"], sweep=True))
        return Compiled(tuple(entries), tuple(findings))

    def predict(self, entry: Entry, start: int, end: int) -> Sequence[int]:
        every = json.loads(entry.body)["every"]
        return range(-(-start // every) * every, end, every)

    def render(self, owner: Owner, compiled: Compiled) -> Mapping[str, str]:
        if not compiled.entries:
            return {}
        bodies = {entry.name: json.loads(entry.body) for entry in compiled.entries}
        return {f"{owner.environment}-{owner.service}.json": json.dumps(bodies, indent=1)}


class TickerControl:
    """One file for all owners; each has a part of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def preflight(self) -> Sequence[Finding]:
        if os.access(self.path.parent, os.W_OK):
            return []
        return [Finding("T201", Severity.REFUSED, "", f"this process may not write to {self.path.parent}")]

    async def list(self, owner: Owner) -> Sequence[LiveEntry]:
        mine = self._read().get(_mark(owner), {})
        return [LiveEntry(name, _digest(body), body) for name, body in mine.items()]

    async def apply(self, owner: Owner, compiled: Compiled) -> Applied:
        everything = self._read()
        live = everything.get(_mark(owner), {})
        wanted = {entry.name: entry.body for entry in compiled.entries}
        if live != wanted:
            everything.pop(_mark(owner), None)
            self._write(everything | ({_mark(owner): wanted} if wanted else {}))
        return Applied(
            created=len(wanted.keys() - live.keys()),
            updated=sum(live[name] != wanted[name] for name in wanted.keys() & live.keys()),
            deleted=len(live.keys() - wanted.keys()),
            unchanged=sum(live[name] == wanted[name] for name in wanted.keys() & live.keys()),
            written=int(live != wanted),
        )

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            found: dict[str, dict[str, str]] = json.loads(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return found

    def _write(self, everything: dict[str, dict[str, str]]) -> None:
        beside = self.path.with_suffix(".tmp")
        try:
            beside.write_text(json.dumps(everything, indent=1), "utf-8")
            beside.replace(self.path)
        except OSError as error:
            raise RegistrationError(f"cannot write {self.path}: {error}") from error


def _on_quarters(schedule: Schedule) -> bool:
    """Whether its instants of four years all lie on quarters of an hour."""
    instants = schedule.recurrence().timestamps(1_767_225_600, 1_767_225_600 + 4 * 366 * 86_400)
    return all(at % QUARTER == 0 for at in instants)


def _entry(name: str, keys: tuple[str, ...], every: int, words: Sequence[str], *, sweep: bool = False) -> Entry:
    body = json.dumps({"every": every, "run": ["purista", *words]})
    return Entry(name, keys, body, _digest(body), sweep)


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def _mark(owner: Owner) -> str:
    return f"{owner.environment}/{owner.service}/{owner.ledger_id}"
