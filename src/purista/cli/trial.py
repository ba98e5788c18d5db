"""Options of the commands that try an app out: in virtual time, and on every scheduler."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from purista.cli.options import App, HostZone, Json, Keys
from purista.cli.output import Output

__all__ = ["commands"]


def commands() -> list[tuple[str, Callable[..., int]]]:
    """Names and functions, in the order of the help text."""
    return [("simulate", simulate), ("fidelity", fidelity)]


def simulate(
    ctx: typer.Context,
    *,
    start: Annotated[str | None, typer.Option("--from", metavar="ISO", help="begin there [this hour]")] = None,
    length: Annotated[str, typer.Option("--for", metavar="TIME", help="so long: 8h, 30d")] = "1d",
    crash: Annotated[float, typer.Option(min=0, max=1, help="per occurrence: a process dies at a write")] = 0.0,
    clock_jump: Annotated[
        list[str] | None,
        typer.Option("--clock-jump", metavar="TIME", help="the clock is set by 2h or -30m; repeatable"),
    ] = None,
    duplicate: Annotated[float, typer.Option(min=0, max=1, help="per occurrence: the call comes twice")] = 0.0,
    seed: Annotated[int, typer.Option(help="decides every fault and every duration")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="so many, counted up; stops at the first that fails")] = 1,
    workers: Annotated[int, typer.Option(min=1, help="processes that work")] = 2,
    real: Annotated[bool, typer.Option("--real-handlers", help="run the app's handlers, not stand-ins")] = False,
    only: Annotated[str | None, typer.Option("--faults", metavar="N,…", help="only these faults of the seed")] = None,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="lines of the timeline")] = 60,
    app: App = None,
    as_json: Json = False,
) -> int:
    """Live the app in virtual time, with crashes and clock jumps; check that nothing is lost, decided twice or overlaps."""
    from purista.cli.simulate import Wish, begin_of, simulate_app  # noqa: PLC0415 - only this command pays for it

    begin, begin_text = begin_of(start, ctx.obj.clock)
    wish = Wish(
        seed, seeds, begin_text, length, crash, duplicate, tuple(clock_jump or ()), workers, real, only, count,
        app or ctx.obj.app,
    )  # fmt: skip
    return simulate_app(ctx.obj.load(app), Output(as_json=as_json), wish, start=begin)


def fidelity(
    ctx: typer.Context,
    keys: Keys = None,
    *,
    scheduler: Annotated[
        list[str] | None, typer.Option("--scheduler", metavar="NAME", help="only this one; repeatable [all]")
    ] = None,
    years: Annotated[int, typer.Option(min=1, max=20, help="so far ahead")] = 2,
    host_zone: HostZone = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="write a page")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="print Markdown")] = False,
    sarif: Annotated[bool, typer.Option("--sarif", help="print SARIF 2.1.0")] = False,
    every: Annotated[bool, typer.Option("--all", help="every schedule and reason, not one screen")] = False,
    app: App = None,
    as_json: Json = False,
) -> int:
    """What each scheduler will really do with each schedule. Exit code 1 when one misses or refuses anything."""
    from purista.cli.fidelity import Wish  # noqa: PLC0415 - only this command pays for it
    from purista.cli.fidelity import fidelity as work  # noqa: PLC0415
    from purista.cli.find import pick  # noqa: PLC0415

    wish = Wish(tuple(dict.fromkeys(scheduler or ())), years, host_zone or "UTC", html, markdown, sarif, every)
    out = Output(as_json=as_json or sarif)
    return work(pick(ctx.obj.load(app), keys or []), out, wish, now=ctx.obj.clock.now())
