"""``purista prune``: service versions that are registered and that nobody declares any more."""

from __future__ import annotations

from collections.abc import Sequence

from purista.app import App
from purista.cli.exits import OK, PROBLEMS, Stop
from purista.cli.find import Session
from purista.cli.output import Output
from purista.cli.place import registrar
from purista.cli.when import utc
from purista.ledgers.base import Slice
from purista.registration.registrar import Registered
from purista.schedulers.base import Severity

__all__ = ["prune"]


async def prune(
    session: Session, app: App, out: Output, names: Sequence[str], *, ledger: str | None, scheduler: str | None
) -> int:
    """Remove the schedules of the named service versions; without names only say which ones this app does not declare.

    Nothing goes unless it is named: other apps may share the ledger.

    :raises Stop: a name is not registered, or this app declares it.
    :raises purista.errors.RegistrationError: the scheduler could not be changed; the ledger has the tombstones.
    """
    declared = {(service.name, service.version) for service in app.services}
    async with registrar(session, app, ledger=ledger, scheduler=scheduler) as looking:
        slices = {f"{s.service}/{s.version}": s for s in await looking.slices() if s.keys}
        orphans = {name: s for name, s in slices.items() if (s.service, s.version) not in declared}
        if not names:
            return _list(out, orphans)
        gone = [(name, _named(name, slices, orphans)) for name in names]
        done = [(name, await looking.prune(slice_.service, slice_.version)) for name, slice_ in gone]
    _print(out, done)
    refused = any(f.severity is Severity.REFUSED for _, one in done for f in one.findings)
    return PROBLEMS if refused else OK


def _named(name: str, slices: dict[str, Slice], orphans: dict[str, Slice]) -> Slice:
    if name in orphans:
        return orphans[name]
    if name in slices:
        raise Stop(PROBLEMS, f"expected a service version that this app does not declare, got {name}; remove it there")
    known = ", ".join(sorted(orphans)) or "there is none"
    raise Stop(PROBLEMS, f"expected a registered service version such as user/1, got {name!r}; to prune: {known}")


def _list(out: Output, orphans: dict[str, Slice]) -> int:
    if out.as_json:
        out.document({"undeclared": [
            {"service": s.service, "version": s.version, "schedules": list(s.keys)} for _, s in sorted(orphans.items())
        ]})  # fmt: skip
        return OK
    rows = [[name, str(len(s.keys)), utc(s.registered_at)] for name, s in sorted(orphans.items())]
    out.table(["service", "schedules", "registered"], rows)
    if not orphans:
        out.line("nothing to prune: this app declares every service version of the ledger", "green")
    else:
        out.line("this app does not declare them; if no other app does: purista prune NAME …", "dim")
    return OK


def _print(out: Output, done: Sequence[tuple[str, Registered]]) -> None:
    steps = [step for _, one in done for step in one.comparison.steps]
    if out.as_json:
        out.document({
            "schedules": [{"act": str(s.act), "key": s.key, "why": s.why} for s in steps],
            "entriesDeleted": sum(one.applied.deleted for _, one in done if one.applied is not None),
        })  # fmt: skip
        return
    out.table(["act", "schedule", "why"], [[str(s.act), s.key, s.why] for s in steps])
    for name, one in done:
        entries = "" if one.applied is None else f", {one.applied.deleted} entries deleted from the scheduler"
        out.line(f"{name}: pruned{entries}", "green")
