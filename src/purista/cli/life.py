"""Options of the commands about a schedule's life: what is planned, live, paused, missed and made up for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from purista.cli.options import App, Json, Key, Ledger, SchedulerName
from purista.cli.output import Output

if TYPE_CHECKING:
    from purista.cli.desk import Desk
    from purista.cli.letters import Letters
    from purista.gateway.gateway import Gateway
    from purista.ledgers.base import Ledger as OpenLedger

__all__ = ["commands", "on_gateway", "on_ledger", "on_letters"]

By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="who does it [you]")]


def commands() -> list[tuple[str, Callable[..., int]]]:
    """Names and functions, in the order of the help text."""
    return [
        ("plan", plan), ("prune", prune), ("drift", drift), ("diff", diff), ("status", status), ("pause", pause),
        ("resume", resume), ("recover", recover), ("overdue", overdue), ("monitors", monitors), ("backfill", backfill),
    ]  # fmt: skip


def _finish(work: Coroutine[Any, Any, int]) -> int:
    return asyncio.run(work)


def on_ledger(
    ctx: typer.Context, ledger: str | None, app: str | None, as_json: bool,  # noqa: FBT001 - passed on as it came
    work: Callable[[OpenLedger, Output], Awaitable[int]], *, writes: bool = False,
) -> int:  # fmt: skip
    """Open the ledger, do the work, close it."""

    async def answer() -> int:
        async with ctx.obj.desk(ledger, app, writes=writes) as desk:
            return await work(desk.ledger, Output(as_json=as_json))

    return _finish(answer())


def on_letters(
    ctx: typer.Context, ledger: str | None, app: str | None, as_json: bool,  # noqa: FBT001 - passed on as it came
    work: Callable[[Desk, Letters, Output], Awaitable[int]], *, writes: bool = False,
) -> int:  # fmt: skip
    """Open the ledger and whatever has the dead letters, do the work, close them."""
    from purista.cli.letters import letters_of  # noqa: PLC0415 - only a few commands pay for it

    async def answer() -> int:
        async with ctx.obj.desk(ledger, app, writes=writes) as desk, letters_of(desk) as letters:
            return await work(desk, letters, Output(as_json=as_json))

    return _finish(answer())


def on_gateway(
    ctx: typer.Context, ledger: str | None, app: str | None, as_json: bool,  # noqa: FBT001 - passed on as it came
    work: Callable[[Gateway, Output], Awaitable[int]], *, publishes: bool = True,
) -> int:  # fmt: skip
    """Open ledger and bridge, do what may publish, close them."""

    async def answer() -> int:
        async with ctx.obj.desk(ledger, app, writes=True) as desk, desk.acting(publishes=publishes) as gateway:
            return await work(gateway, Output(as_json=as_json))

    return _finish(answer())


def plan(
    ctx: typer.Context,
    app: App = None,
    ledger: Ledger = None,
    scheduler: SchedulerName = None,
    *,
    fail: Annotated[bool, typer.Option("--exit-code", help="exit 1 when something would change")] = False,
    as_json: Json = False,
) -> int:
    """What starting the app would change: contracts, their instants, the scheduler's entries. Writes nothing."""
    from purista.cli.plan import plan as work  # noqa: PLC0415 - only this command pays for it

    found, out = ctx.obj.load(app), Output(as_json=as_json)
    return _finish(work(ctx.obj, found, out, ledger=ledger, scheduler=scheduler, fail=fail))


def prune(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[SERVICE/VERSION]...", help="what to remove [only list it]")
    ] = None,
    app: App = None,
    ledger: Ledger = None,
    scheduler: SchedulerName = None,
    *,
    as_json: Json = False,
) -> int:
    """Remove what is registered and not declared any more: contracts, subscriptions, the scheduler's entries."""
    from purista.cli.prune import prune as work  # noqa: PLC0415 - only this command pays for it

    found, out = ctx.obj.load(app), Output(as_json=as_json)
    return _finish(work(ctx.obj, found, out, names or [], ledger=ledger, scheduler=scheduler))


def drift(
    ctx: typer.Context,
    app: App = None,
    ledger: Ledger = None,
    scheduler: SchedulerName = None,
    *,
    as_json: Json = False,
) -> int:
    """What is live in the scheduler against the ledger's contracts. Exit code 1 when they differ."""
    from purista.cli.plan import drift as work  # noqa: PLC0415 - only this command pays for it

    found, out = ctx.obj.load(app), Output(as_json=as_json)
    return _finish(work(ctx.obj, found, out, ledger=ledger, scheduler=scheduler))


def diff(
    ctx: typer.Context,
    old: Annotated[Path, typer.Argument(metavar="OLD", help="a manifest")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="a later one")],
    *,
    as_json: Json = False,
) -> int:
    """Two manifests by meaning: which schedules, options and instants differ. Exit code 1 when some do."""
    from purista.cli.diff import diff as work  # noqa: PLC0415 - only this command pays for it

    return work(Output(as_json=as_json), old, new, now=ctx.obj.clock.now())


def status(
    ctx: typer.Context,
    ledger: Ledger = None,
    app: App = None,
    *,
    as_json: Json = False,
) -> int:
    """Every schedule: last and next occurrence, paused by whom, how far behind."""
    from purista.cli.status import status as work  # noqa: PLC0415 - only this command pays for it

    return on_ledger(ctx, ledger, app, as_json, work)


def pause(
    ctx: typer.Context,
    key: Key,
    *,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="why; kept with the pause")],
    until: Annotated[str | None, typer.Option("--until", metavar="ISO", help="ends by itself then")] = None,
    by: By = None,
    ledger: Ledger = None,
    app: App = None,
    as_json: Json = False,
) -> int:
    """Decide what falls due as paused, until it is resumed. Survives deploys."""
    from purista.cli.pause import pause as work  # noqa: PLC0415 - only this command pays for it
    from purista.cli.when import parse_bound  # noqa: PLC0415

    end = parse_bound(until, "--until")

    wish: dict[str, Any] = {"key": key, "reason": reason, "until": end, "by": by, "app": app or ctx.obj.app}
    return on_ledger(ctx, ledger, app, as_json, lambda opened, out: work(opened, out, **wish), writes=True)


def resume(
    ctx: typer.Context,
    key: Key,
    *,
    catch_up: Annotated[
        str, typer.Option("--catch-up", metavar="none|once|all", help="make up for the pause")
    ] = "none",
    maximum: Annotated[int, typer.Option("--max", min=1, help="with all: no more than so many")] = 100,
    by: By = None,
    ledger: Ledger = None,
    app: App = None,
    as_json: Json = False,
) -> int:
    """End a pause. Nothing that fell into it runs, unless --catch-up says so."""
    from purista.cli.pause import resume as work  # noqa: PLC0415 - only this command pays for it

    wish: dict[str, Any] = {"key": key, "catch_up": catch_up, "by": by, "maximum": maximum}
    publishes = catch_up != "none"
    return on_gateway(ctx, ledger, app, as_json, lambda opened, out: work(opened, out, **wish), publishes=publishes)


def recover(
    ctx: typer.Context,
    *,
    consent: Annotated[bool, typer.Option("--consent", help="also gaps of more than a week")] = False,
    since: Annotated[
        str | None, typer.Option("--since", metavar="ISO", help="after a restore: what was due before stays undone")
    ] = None,
    ledger: Ledger = None,
    app: App = None,
    as_json: Json = False,
) -> int:
    """Decide what was due and nobody called for, each schedule by its own policy. Exit code 1 when a gap asks for consent."""
    from purista.cli.recover import recover as work  # noqa: PLC0415 - only this command pays for it
    from purista.cli.when import parse_bound  # noqa: PLC0415

    start = parse_bound(since, "--since")

    return on_gateway(ctx, ledger, app, as_json, lambda opened, out: work(opened, out, consent=consent, since=start))


def overdue(
    ctx: typer.Context,
    *,
    grace: Annotated[int, typer.Option("--grace", min=0, metavar="SECONDS", help="beyond the usual lateness")] = 0,
    metrics: Annotated[bool, typer.Option("--metrics", help="print Prometheus text instead")] = False,
    ledger: Ledger = None,
    app: App = None,
    as_json: Json = False,
) -> int:
    """The dead-man check: what is due and nobody decided. Exit code 1 when there is something."""
    from purista.cli.recover import overdue as work  # noqa: PLC0415 - only this command pays for it

    return on_ledger(
        ctx, ledger, app, as_json, lambda opened, out: work(opened, out, grace_ms=grace * 1000, metrics=metrics)
    )


def monitors(
    ctx: typer.Context,
    kind: Annotated[str, typer.Argument(metavar="prometheus|healthchecks", help="for whom")],
    *,
    grace: Annotated[int, typer.Option("--grace", min=0, metavar="SECONDS", help="beyond the usual lateness")] = 300,
    ledger: Ledger = None,
    app: App = None,
) -> int:
    """Alarms for runs that did not happen, from the same contracts: windows from rule and zone, apart by environment."""
    from purista.cli.monitors import monitors as work  # noqa: PLC0415 - only this command pays for it

    return on_ledger(ctx, ledger, app, False, lambda opened, _: work(opened, kind, grace))  # noqa: FBT003


def backfill(
    ctx: typer.Context,
    key: Key,
    *,
    start: Annotated[str, typer.Option("--from", metavar="ISO", help="the first instant")],
    end: Annotated[str | None, typer.Option("--to", metavar="ISO", help="before this one [now]")] = None,
    maximum: Annotated[int, typer.Option("--max", min=1, help="no more than so many")] = 100,
    rate: Annotated[float | None, typer.Option("--rate", min=0.001, metavar="N", help="at most N a minute")] = None,
    again: Annotated[bool, typer.Option("--again", help="also what was worked before")] = False,
    force: Annotated[bool, typer.Option("--force", help="even while a run is open")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would run, publish nothing")] = False,
    ledger: Ledger = None,
    app: App = None,
    as_json: Json = False,
) -> int:
    """Run what did not run, or failed, in a stretch of the past; oldest first, each slot once."""
    from purista.cli.backfill import Wish  # noqa: PLC0415 - only this command pays for it
    from purista.cli.backfill import backfill as work  # noqa: PLC0415
    from purista.cli.when import parse_bound  # noqa: PLC0415

    wish = Wish(parse_bound(start, "--from") or 0, parse_bound(end, "--to"), maximum, rate, again, force, dry_run)

    return on_gateway(ctx, ledger, app, as_json, lambda opened, out: work(opened, out, key, wish))
