"""Options that several commands share, with the words that explain them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from purista.cli.complete import schedule_keys

__all__ = [
    "App", "Count", "CronText", "HostZone", "Json", "Key", "Keys", "Ledger", "MaybeKey", "SchedulerName", "Zone", "ZoneFolders",
]  # fmt: skip

App = Annotated[str | None, typer.Option("--app", metavar="MODULE:ATTR", help="the app, such as billing:app")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON document")]
Ledger = Annotated[str | None, typer.Option("--ledger", metavar="PATH", help="the ledger's file [PURISTA_LEDGER]")]
_KEY_HELP = "service/version/name, or just the name"
Keys = Annotated[list[str] | None, typer.Argument(metavar="[KEY]...", help=_KEY_HELP, autocompletion=schedule_keys)]
MaybeKey = Annotated[str | None, typer.Argument(metavar="[KEY]", help=_KEY_HELP, autocompletion=schedule_keys)]
Key = Annotated[str, typer.Argument(metavar="KEY", help=_KEY_HELP, autocompletion=schedule_keys)]
CronText = Annotated[str | None, typer.Option("--cron", metavar="EXPR", help="an expression to try, without an app")]
Zone = Annotated[str, typer.Option("--timezone", metavar="ZONE", help="its zone")]
HostZone = Annotated[str | None, typer.Option("--host-zone", metavar="ZONE", help="of cron's host [this machine's]")]
Count = Annotated[int, typer.Option("-n", "--count", min=1, max=10_000, help="how many")]
SchedulerName = Annotated[
    str | None, typer.Option("--scheduler", metavar="NAME", help="cron, systemd [the one the app was given]")
]
ZoneFolders = Annotated[
    tuple[Path, Path] | None,
    typer.Option("--tzdata", metavar="OLD NEW", help="two tz databases: which schedules does the update affect"),
]
