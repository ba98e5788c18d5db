"""Options of the commands one begins with: a new project, jobs from elsewhere, and whether this machine is fit for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from purista.cli.options import App, Json, Ledger
from purista.cli.output import Output

__all__ = ["commands", "groups"]

Into = Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="write the module there [stdout]")]


def commands() -> list[tuple[str, Callable[..., int]]]:
    """Names and functions, in the order of the help text."""
    return [("init", init), ("doctor", doctor), ("support", support), ("conformance", conformance)]


def groups() -> list[tuple[str, str, list[tuple[str, Callable[..., int]]]]]:
    """Groups with their help texts and commands."""
    found: list[tuple[str, Callable[..., int]]] = [
        ("crontab", import_crontab),
        ("celery", import_celery),
        ("apscheduler", import_apscheduler),
    ]
    return [("import", "Contracts from jobs that run elsewhere, and what could not be carried over.", found)]


def init(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="where [here]")] = Path(),
    *,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="the project's [the folder's]")] = None,
    as_json: Json = False,
) -> int:
    """A new project that works: an app with a schedule, and a test that it passes. Writes over nothing."""
    from purista.cli.init import init as work  # noqa: PLC0415 - only this command pays for it

    return work(Output(as_json=as_json), directory, name=name)


def doctor(ctx: typer.Context, ledger: Ledger = None, app: App = None, *, as_json: Json = False) -> int:
    """Whether this machine is fit for it: Python, zone data, cron, ledger, clock, disk. Exit code 1 when it is not."""
    from purista.cli.doctor import doctor as work  # noqa: PLC0415 - only this command pays for it

    return work(ctx.obj, Output(as_json=as_json), ledger=ledger, app=app)


def support(
    schedulers: Annotated[list[str] | None, typer.Argument(metavar="[SCHEDULER]...", help="which [all]")] = None,
    *,
    as_json: Json = False,
) -> int:
    """Who sees to what a contract can say: the scheduler itself, the gateway, or nobody. With one scheduler also how."""
    from purista.cli.support import support as work  # noqa: PLC0415 - only this command pays for it

    return work(Output(as_json=as_json), schedulers or [])


def conformance(
    scheduler: Annotated[
        str, typer.Argument(metavar="SCHEDULER|MODULE:ATTR", help="one of ours, or a dialect or what makes one")
    ],
    only: Annotated[list[str] | None, typer.Option("--rule", metavar="RULE", help="only this; repeatable")] = None,
    host_zone: Annotated[
        str, typer.Option("--host-zone", metavar="ZONE", help="of its host, where it matters")
    ] = "UTC",
    *,
    as_json: Json = False,
) -> int:
    """A scheduler's dialect against the corpus of what is due when. Exit code 1 when it misses something without a word."""
    from purista.cli.conformance import conformance as work  # noqa: PLC0415 - only this command pays for it

    return work(Output(as_json=as_json), scheduler, only=only or [], host_zone=host_zone)


def import_crontab(
    source: Annotated[str, typer.Argument(metavar="FILE|-", help="a crontab; - reads stdin: crontab -l |")],
    *,
    user: Annotated[bool, typer.Option("--user", help="its sixth column is a user [in /etc it is]")] = False,
    timezone: Annotated[
        str | None, typer.Option("--timezone", metavar="ZONE", help="of the machine it comes from [this machine's]")
    ] = None,
    path: Into = None,
    as_json: Json = False,
) -> int:
    """The lines of a crontab. Exit code 1 when one could not be carried over."""
    from purista.cli.imports import crontab as work  # noqa: PLC0415 - only this command pays for it

    return work(Output(as_json=as_json), source, user=user, timezone=timezone, path=path)


def import_celery(
    ctx: typer.Context,
    reference: Annotated[str, typer.Argument(metavar="MODULE:APP", help="the Celery app, such as proj.celery:app")],
    *,
    path: Into = None,
    as_json: Json = False,
) -> int:
    """The entries of Celery beat (conf.beat_schedule). Exit code 1 when one could not be carried over."""
    from purista.cli.imports import celery as work  # noqa: PLC0415 - only this command pays for it

    return work(Output(as_json=as_json), reference, path=path, now=ctx.obj.clock.now())


def import_apscheduler(
    ctx: typer.Context,
    reference: Annotated[str, typer.Argument(metavar="MODULE:SCHEDULER", help="an APScheduler 3 scheduler")],
    *,
    path: Into = None,
    as_json: Json = False,
) -> int:
    """The jobs that code adds to an APScheduler, which is not started. Exit code 1 when one could not be carried over."""
    from purista.cli.imports import apscheduler as work  # noqa: PLC0415 - only this command pays for it

    return work(Output(as_json=as_json), reference, path=path, now=ctx.obj.clock.now())
