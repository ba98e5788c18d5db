"""``purista plan`` and ``purista drift``: what would change, and what is not as it shall be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from purista.app import App
from purista.cli.exits import CONFIG, OK, PROBLEMS, Stop
from purista.cli.find import Session
from purista.cli.output import Cell, Output, Row, complain, iso
from purista.cli.place import registrar
from purista.cli.when import local
from purista.contract.rules import validate_app
from purista.embedded import DefaultEventBridge
from purista.registration.compare import Act, Step
from purista.registration.entries import Difference
from purista.registration.moves import DAYS, Moves
from purista.registration.registrar import Declaration, Planned
from purista.schedulers.base import Severity

__all__ = ["ACT_STYLES", "drift", "moves_document", "moves_lines", "plan"]

ACT_STYLES = {Act.CREATE: "green", Act.CHANGE: "yellow", Act.ADOPT: "yellow", Act.REMOVE: "red"}


async def plan(
    session: Session, app: App, out: Output, *, ledger: str | None, scheduler: str | None, fail: bool
) -> int:
    """Print what starting the app would change."""
    validate_app(app.services)
    async with registrar(session, app, ledger=ledger, scheduler=scheduler) as looking:
        with out.progress("comparing"):
            planned = [await looking.plan(name, versions) for name, versions in _services(app).items()]
    if out.as_json:
        out.document({"services": [_document(one) for one in planned]})
    else:
        _print(out, planned)
    refused = any(f.severity is Severity.REFUSED for one in planned for f in one.findings)
    return PROBLEMS if refused or (fail and not all(one.nothing for one in planned)) else OK


async def drift(session: Session, app: App, out: Output, *, ledger: str | None, scheduler: str | None) -> int:
    """Print how the scheduler differs from the ledger, both ways.

    :raises Stop: over a broker the bridge alone knows which scheduler there is, and it has none.
    :raises purista.errors.RegistrationError: neither the app nor the command names a scheduler.
    """
    if ledger is None and app.bridge.scheduler is None and not isinstance(app.bridge, DefaultEventBridge):
        raise Stop(CONFIG, "nothing to compare: this app's bridge has no scheduler")
    async with registrar(session, app, ledger=ledger, scheduler=scheduler) as looking:
        found = {name: await looking.drift(name) for name in _services(app)}
    if out.as_json:
        out.document({"services": {name: _entries(one) for name, one in found.items()}})
    else:
        rows: list[Row] = [[name, *row] for name, one in found.items() for row in _entry_rows(one)]
        out.table(["service", "entry", "drift"], rows)
        if not rows:
            out.line(f"no drift: {sum(one.same for one in found.values())} entries are as they shall be", "green")
    return OK if all(one.nothing and not one.paused for one in found.values()) else PROBLEMS


def _services(app: App) -> dict[str, dict[str, Declaration]]:
    """Every service with its versions, in the order in which they are started."""
    found: dict[str, dict[str, Declaration]] = {}
    for service in app.services:
        found.setdefault(service.name, {})[service.version] = service.schedules, service.wanted
    return found


def _print(out: Output, planned: Sequence[Planned]) -> None:
    for finding in dict.fromkeys(f for one in planned for f in one.findings if f.severity is not Severity.INFO):
        complain(f"{finding.severity} {finding.code} {finding.key}: {finding.message}")
    steps = [step for one in planned for step in one.steps]
    loud = [step for step in steps if step.act is not Act.UNCHANGED]
    out.table(
        ["act", "schedule", "why"], [[Cell(str(s.act), ACT_STYLES.get(s.act, "dim")), s.key, s.why] for s in loud]
    )
    for one in planned:
        for key, moves in one.moves.items():
            _say_moves(out, one, key, moves)
    rows: list[Row] = [row for one in planned if one.entries is not None for row in _entry_rows(one.entries)]
    out.table(["entry", "scheduler"], rows)
    quiet = len(steps) - len(loud)
    if all(one.nothing for one in planned):
        out.line(f"nothing to do: {quiet} schedules are as they shall be", "green")
    elif quiet:
        out.line(f"{quiet} more are unchanged", "dim")


def _say_moves(out: Output, planned: Planned, key: str, moves: Moves) -> None:
    step = next(step for step in planned.steps if step.key == key)
    zone = ZoneInfo((step.after or step.before).timezone)  # type: ignore[union-attr]  # a change has both
    for number, line in enumerate(moves_lines(moves, zone)):
        out.line(
            f"{key}: {line}" if number == 0 else f"  {line}", "yellow" if line.startswith(("fires", "loses")) else ""
        )


def moves_lines(moves: Moves, zone: ZoneInfo) -> list[str]:
    """What an edit does to the instants, in words; the first line sums it up."""
    if moves.nothing:
        return [f"no instant changes in the next {DAYS} days"]
    counts = [(moves.appear, "appear"), (moves.vanish, "vanish"), (moves.move, "move"), (moves.stay, "stay")]
    lines = [", ".join(f"{count} {word}" for count, word in counts if count) + f" in the next {DAYS} days"]
    if moves.today is not None:
        lines.append(moves.today)
    lines += [f"moves   {_at(a, zone)} → {_at(b, zone)}" for a, b in moves.moving[:2]]
    lines += [f"vanish  {_at(a, zone)}" for a in moves.vanishing[:2]]
    lines += [f"appear  {_at(a, zone)}" for a in moves.appearing[:2]]
    return lines


def _at(seconds: int, zone: ZoneInfo) -> str:
    return local(seconds * 1000, zone)


def _entry_rows(one: Difference) -> list[Row]:
    kinds = ((one.missing, "is missing", "green"), (one.changed, "differs", "yellow"))
    people = ((one.undeclared, "is not declared", "red"), (one.paused, "is paused in the scheduler", "yellow"))
    return [[name, Cell(words, style)] for names, words, style in (*kinds, *people) for name in names]


def _document(one: Planned) -> dict[str, Any]:
    return {
        "service": one.owner.service,
        "environment": one.owner.environment,
        "schedules": [_step_document(step, one.moves.get(step.key)) for step in one.steps],
        "entries": None if one.entries is None else _entries(one.entries),
        "findings": [
            {"code": f.code, "severity": str(f.severity), "key": f.key, "message": f.message} for f in one.findings
        ],
    }


def _step_document(step: Step, moves: Moves | None) -> dict[str, Any]:
    document: dict[str, Any] = {"act": str(step.act), "key": step.key, "why": step.why}
    if moves is not None:
        document["moves"] = moves_document(moves)
    return document


def moves_document(moves: Moves) -> dict[str, Any]:
    """Instants as ISO 8601, UTC."""
    return {
        "days": DAYS, "appear": moves.appear, "vanish": moves.vanish, "move": moves.move, "stay": moves.stay,
        "appearing": [iso(t * 1000) for t in moves.appearing], "vanishing": [iso(t * 1000) for t in moves.vanishing],
        "moving": [{"from": iso(a * 1000), "to": iso(b * 1000)} for a, b in moves.moving], "today": moves.today,
    }  # fmt: skip


def _entries(one: Difference) -> dict[str, Any]:
    return {
        "missing": list(one.missing), "changed": list(one.changed), "undeclared": list(one.undeclared), "same": one.same,
        "paused": list(one.paused),
    }  # fmt: skip
