"""``purista``'s commands: their options, and nothing else. What they do is in the module each of them imports.

Every command takes ``--json``; exit codes are in ``exits``. ``trigger`` is in ``purista.cli.trigger``: it imports neither
typer nor rich, and ``main`` sends it there before this module is loaded.
"""

from __future__ import annotations

import asyncio
import functools
import os
import sqlite3
import sys
import traceback
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from purista import __version__
from purista.cli import hosts, life, network, start, store, trial
from purista.cli.exits import BROKEN_PIPE, INTERNAL, INTERRUPTED, OK, UNAVAILABLE, USAGE, Stop, advised, code_of
from purista.cli.find import Session, pick
from purista.cli.options import App, Count, CronText, Json, Key, Keys, Ledger, MaybeKey, Zone, ZoneFolders
from purista.cli.output import Output, complain
from purista.clock import Clock
from purista.errors import PuristaError

if TYPE_CHECKING:
    from purista.cli.occurrences import Rule

__all__ = ["build", "run"]

_CLICK_USAGE = 2


def run(arguments: Sequence[str], *, clock: Clock | None = None) -> int:
    """Run a command and return its exit code. ``clock`` is for tests."""
    session = Session() if clock is None else Session(clock=clock)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no reason to fail
    command = typer.main.get_command(build(colour=sys.stdout.isatty()))
    if sys.stdout.isatty():
        _plain(command)
    try:
        command.main(list(arguments), prog_name="purista", obj=session)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else OK if end.code is None else 1
        return USAGE if code == _CLICK_USAGE else code
    return OK


def build(*, colour: bool) -> typer.Typer:
    """The application. ``colour`` is for its help texts."""
    app = _typer("Schedules as trigger contracts, on the scheduler you already have.", colour=colour)
    app.callback()(_root)
    for name, function in (*start.commands(), *_commands(), *life.commands(), *trial.commands(), *network.commands()):
        app.command(name)(_guarded(function))
    forwarded = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
    app.command("trigger", context_settings=forwarded)(_guarded(trigger))
    for name, words, functions in (*hosts.groups(), *network.groups(), *store.groups(), *start.groups()):
        group = _typer(words, colour=colour)
        group.callback()(_group)
        for command, function in functions:
            group.command(command)(_guarded(function))
        app.add_typer(group, name=name)
    return app


def _plain(command: Any) -> None:
    """On a terminal help texts are markup, in which [now] and purista[http] would be tags, and left out."""
    from rich.markup import escape  # noqa: PLC0415 - only a terminal pays for it

    for one in (command, *command.params):
        if getattr(one, "help", None):
            one.help = escape(one.help)
    for inner in getattr(command, "commands", {}).values():
        _plain(inner)


def _typer(words: str, *, colour: bool) -> typer.Typer:
    return typer.Typer(
        name="purista", help=words, no_args_is_help=True, pretty_exceptions_enable=False,
        rich_markup_mode="rich" if colour else None, context_settings={"help_option_names": ["-h", "--help"]},
    )  # fmt: skip


def _commands() -> list[tuple[str, Callable[..., int]]]:
    return [
        ("check", check), ("next", next_), ("explain", explain), ("manifest", manifest), ("run", run_), ("history", history),
        ("why", why), ("worker", worker), ("dev", dev),
    ]  # fmt: skip


def _group() -> None:
    return None


def _version(value: bool) -> None:  # noqa: FBT001 - typer's signature
    if value:
        sys.stdout.write(f"purista {__version__}\n")
        raise typer.Exit(OK)


def _root(
    ctx: typer.Context,
    app: App = None,
    version: Annotated[  # noqa: ARG001, FBT002 - its callback does the work
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    ctx.obj.app = app


def _guarded(function: Callable[..., int]) -> Callable[..., None]:
    """Turns what a command returns or raises into an exit code, and errors of ours into one sentence."""

    @functools.wraps(function)
    def command(*args: Any, **kwargs: Any) -> None:
        try:
            code = function(*args, **kwargs)
            sys.stdout.flush()
        except KeyboardInterrupt:
            code = INTERRUPTED
        except typer.Exit:
            raise
        except Exception as error:  # noqa: BLE001 - the last one who can say it
            code = _failed(error)
        raise typer.Exit(code)

    return command


def _failed(error: Exception) -> int:
    """Says what went wrong, and which exit code that is."""
    if isinstance(error, BrokenPipeError):
        # Who read our output has enough; nothing may be written any more, not even at the interpreter's end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    if isinstance(error, Stop | PuristaError):
        complain(advised(error))
        return error.code if isinstance(error, Stop) else code_of(error)
    if isinstance(error, sqlite3.Error):
        complain(f"the ledger cannot answer: {error}")
        return UNAVAILABLE
    # A mistake of ours or of somebody's handler: shown whole, and never mistaken for what `check` found.
    traceback.print_exception(error)
    return INTERNAL


def _async(work: Coroutine[Any, Any, int]) -> int:
    return asyncio.run(work)


def check(
    ctx: typer.Context,
    app: App = None,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="warnings fail too")] = False,
    sarif: Annotated[bool, typer.Option("--sarif", help="print SARIF 2.1.0, for code hosts and editors")] = False,
    tzdata: ZoneFolders = None,
    days: Annotated[int, typer.Option("--days", min=1, max=3_660, help="with --tzdata: how far ahead")] = 366,
    as_json: Json = False,
) -> int:
    """Advice about what is declared. Exit code 1 when something will not work, or with --tzdata when an instant changes."""
    if tzdata is not None:
        from purista.cli.tzdata import check_tzdata  # noqa: PLC0415 - only this option pays for it

        if sarif or strict:
            raise Stop(USAGE, "expected --tzdata alone or with --json; leave out --sarif and --strict")
        out = Output(as_json=as_json)
        return check_tzdata(ctx.obj.load(app), out, *tzdata, now=ctx.obj.clock.now(), days=days)
    from purista.cli.checks import check as work  # noqa: PLC0415 - only this command pays for it

    out = Output(as_json=as_json or sarif)
    return work(ctx.obj.load(app), out, strict=strict, now=ctx.obj.clock.now(), sarif=sarif)


def _rules(
    session: Session, keys: Sequence[str] | None, app: str | None, cron: str | None, timezone: str
) -> list[Rule]:
    from purista.cli.occurrences import ad_hoc, of_schedules  # noqa: PLC0415 - only two commands pay for it

    if cron is not None:
        if keys:
            raise Stop(USAGE, f"expected keys or --cron, got both; leave out {' '.join(keys)}")
        return [ad_hoc(cron, timezone)]
    return of_schedules(pick(session.load(app), keys or []))


def next_(
    ctx: typer.Context,
    keys: Keys = None,
    *,
    count: Count = 5,
    around_dst: Annotated[bool, typer.Option("--around-dst", help="around the next changes of the clocks")] = False,
    start: Annotated[str | None, typer.Option("--from", metavar="ISO", help="after this time [now]")] = None,
    cron: CronText = None,
    timezone: Zone = "UTC",
    app: App = None,
    as_json: Json = False,
) -> int:
    """The next occurrences, in the schedule's zone and in UTC."""
    from purista.cli.occurrences import show_around, show_next  # noqa: PLC0415 - only this command pays for it
    from purista.cli.when import parse_bound  # noqa: PLC0415

    since = parse_bound(start, "--from")
    show = show_around if around_dst else show_next
    rules = _rules(ctx.obj, keys, app, cron, timezone)
    show(rules, Output(as_json=as_json), start=ctx.obj.clock.now() if since is None else since, count=count)
    return OK


def explain(
    ctx: typer.Context,
    keys: Keys = None,
    *,
    cron: CronText = None,
    timezone: Zone = "UTC",
    app: App = None,
    as_json: Json = False,
) -> int:
    """Each schedule in plain words. Also the days on which the clocks touch it; of one, what each scheduler does with it."""
    from purista.cli.occurrences import explain as work  # noqa: PLC0415 - only this command pays for it

    rules = _rules(ctx.obj, keys, app, cron, timezone)
    work(rules, Output(as_json=as_json), now=ctx.obj.clock.now(), everywhere=bool(keys) and len(rules) == 1)
    return OK


def manifest(
    ctx: typer.Context,
    path: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="write it there")] = None,
    app: App = None,
    *,
    as_json: Json = False,
) -> int:
    """All contracts as one JSON document. Equal contracts give equal bytes."""
    from purista.cli.checks import manifest as work  # noqa: PLC0415 - only this command pays for it

    return work(ctx.obj.load(app), Output(as_json=as_json), path=path)


def trigger(ctx: typer.Context) -> int:
    """A scheduler's call: something may be due. Its own options: purista trigger --help."""
    from purista.cli.trigger import main  # noqa: PLC0415 - it has its own parser

    return main(ctx.args, clock=ctx.obj.clock)


def run_(
    ctx: typer.Context,
    key: Key,
    request: Annotated[
        str | None, typer.Option("--request", metavar="ID", help="the same id again is a duplicate")
    ] = None,
    ledger: Ledger = None,
    app: App = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="even while a run is open")] = False,
    as_json: Json = False,
) -> int:
    """Run a schedule's target now. It obeys overlap, and counts as an occurrence of its own class."""
    from purista.cli.history import run_now  # noqa: PLC0415 - only this command pays for it

    async def work() -> int:
        async with ctx.obj.desk(ledger, app, writes=True) as desk, desk.acting() as gateway:
            return await run_now(gateway, Output(as_json=as_json), key=key, request=request, force=force)

    return _async(work())


def history(
    ctx: typer.Context,
    key: MaybeKey = None,
    *,
    count: Count = 20,
    since: Annotated[str | None, typer.Option("--since", metavar="ISO", help="from this time on")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="ISO", help="before this time")] = None,
    ledger: Ledger = None,
    app: App = None,
    as_json: Json = False,
) -> int:
    """What was decided, and how its runs ended; newest first."""
    from purista.cli.history import history as work  # noqa: PLC0415 - only this command pays for it
    from purista.cli.when import parse_bound  # noqa: PLC0415

    start, end = parse_bound(since, "--since"), parse_bound(until, "--until")

    async def answer() -> int:
        async with ctx.obj.desk(ledger, app) as desk:
            return await work(desk.ledger, Output(as_json=as_json), key=key, limit=count, start=start, end=end)

    return _async(answer())


def why(
    ctx: typer.Context,
    question: Annotated[
        str, typer.Argument(metavar="KEY@TIME", help="TIME in the schedule's zone, or with its offset")
    ],
    ledger: Ledger = None,
    app: App = None,
    *,
    as_json: Json = False,
) -> int:
    """Why an occurrence ran, or did not."""
    from purista.cli.why import why as work  # noqa: PLC0415 - only this command pays for it

    async def answer() -> int:
        async with ctx.obj.desk(ledger, app) as desk:
            return await work(desk.ledger, Output(as_json=as_json), question)

    return _async(answer())


def worker(
    ctx: typer.Context,
    service: Annotated[
        list[str] | None, typer.Option("--service", metavar="NAME", help="only this; repeatable")
    ] = None,
    metrics: Annotated[str | None, typer.Option("--metrics", metavar="[HOST:]PORT", help="for Prometheus")] = None,
    app: App = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="log lines as JSON")] = False,
) -> int:
    """Work what arrives, until SIGTERM or SIGINT. Handlers in work are waited for; a second signal stops at once."""
    from purista.cli.work import worker as work  # noqa: PLC0415 - only this command pays for it
    from purista.settings import Settings  # noqa: PLC0415

    place = metrics or Settings.read().metrics
    return _async(work(ctx.obj.load(app), Output(as_json=as_json), names=service or [], metrics=place))


def dev(
    ctx: typer.Context,
    at: Annotated[str | None, typer.Option("--at", metavar="ISO", help="start the clock there")] = None,
    ledger: Annotated[str | None, typer.Option("--ledger", metavar="PATH", help="a file to keep [it forgets]")] = None,
    app: App = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document a line")] = False,
) -> int:
    """For development: this process keeps the time. Shows each decision as it happens."""
    from purista.cli.dev import dev as work  # noqa: PLC0415 - only this command pays for it
    from purista.cli.when import parse_bound  # noqa: PLC0415

    start = parse_bound(at, "--at")
    out = Output(as_json=as_json)
    return _async(work(ctx.obj.load(app), out, at=start, ledger=ledger, clock=ctx.obj.clock))
