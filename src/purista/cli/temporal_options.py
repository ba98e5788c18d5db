"""Options of the commands about Temporal."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from purista.cli.options import App, Json, Ledger
from purista.cli.output import Output

__all__ = ["apply_temporal", "export_temporal", "worker_temporal"]

Queue = Annotated[str | None, typer.Option("--task-queue", metavar="NAME", help="[purista-ENVIRONMENT]")]


def export_temporal(
    ctx: typer.Context,
    directory: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="write the file there")
    ] = None,
    task_queue: Queue = None,
    app: App = None,
    *,
    as_json: Json = False,
) -> int:
    """The schedules that `apply temporal` would make, as JSON to look at. Needs no server and no ledger."""
    from purista.cli.temporal import export  # noqa: PLC0415 - only this command pays for it

    found = ctx.obj.load(app)
    return export(ctx.obj, found, Output(as_json=as_json), task_queue=task_queue, directory=directory)


def apply_temporal(ctx: typer.Context, app: App = None, *, as_json: Json = False) -> int:
    """Register every service of the app and apply its schedules, by the app's own TemporalScheduler. See also `plan`."""
    from purista.cli.temporal import apply  # noqa: PLC0415 - only this command pays for it

    return asyncio.run(apply(ctx.obj.load(app), Output(as_json=as_json)))


def worker_temporal(
    ctx: typer.Context,
    address: Annotated[str, typer.Option("--address", metavar="HOST:PORT", help="the server")] = "localhost:7233",
    namespace: Annotated[str, typer.Option("--namespace", metavar="NAME", help="its namespace")] = "default",
    task_queue: Queue = None,
    gateway: Annotated[str | None, typer.Option("--gateway", metavar="URL", help="call `purista serve` there")] = None,
    secret: Annotated[
        str | None, typer.Option("--secret", metavar="REF", help="signs calls [PURISTA_GATEWAY_SECRET]")
    ] = None,
    token: Annotated[str | None, typer.Option("--token", metavar="REF", help="instead [PURISTA_GATEWAY_TOKEN]")] = None,
    api_key: Annotated[str | None, typer.Option("--api-key", metavar="REF", help="of Temporal Cloud")] = None,
    ledger: Ledger = None,
    app: App = None,
    *,
    tls: Annotated[bool, typer.Option("--tls", help="to the server")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="log lines as JSON")] = False,
) -> int:
    """Call the gateway when schedules in Temporal fire, until SIGTERM or SIGINT: over HTTP, or (--app) in this process."""
    from purista.cli.temporal import Server, Way, worker  # noqa: PLC0415 - only this command pays for it

    server = Server(address, namespace, task_queue, tls=tls, api_key=api_key)
    way = Way(gateway, secret, token, ledger, app)
    return asyncio.run(worker(ctx.obj, Output(as_json=as_json), server=server, way=way))
