"""Options of the commands about calls that come over the network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from purista.cli.options import App, Json, Ledger
from purista.cli.output import Output
from purista.cli.store import Group

__all__ = ["commands", "groups"]


def commands() -> list[tuple[str, Callable[..., int]]]:
    """Names and functions, in the order of the help text."""
    return [("serve", serve), ("secret", secret)]


def groups() -> list[Group]:
    """Name, words and commands of each group."""
    return [("gcp", "Calls of Google Cloud.", [("pull", pull)])]


def pull(
    ctx: typer.Context,
    subscription: Annotated[str, typer.Argument(metavar="SUBSCRIPTION", help="projects/P/subscriptions/S")],
    ledger: Ledger = None,
    app: App = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="log lines as JSON")] = False,
) -> int:
    """Decide what jobs publish, fetched from Pub/Sub, until SIGTERM or SIGINT. Needs purista[gcp]."""
    from purista.cli.gcp import pull as work  # noqa: PLC0415 - only this command pays for it

    return asyncio.run(work(ctx.obj, Output(as_json=as_json), subscription=subscription, ledger=ledger, app=app))


def serve(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="names who may call [PURISTA_GATEWAY_CONFIG, pyproject.toml]"),
    ] = None,
    host: Annotated[str | None, typer.Option("--host", metavar="ADDRESS", help="[127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option("--port", min=0, max=65_535, help="[8080]")] = None,
    ledger: Ledger = None,
    app: App = None,
    *,
    dev: Annotated[bool, typer.Option("--dev", help="everybody on this machine may do everything")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="log lines as JSON")] = False,
) -> int:
    """The gateway over HTTP, until SIGTERM or SIGINT. SIGHUP reads the credentials again. Needs purista[http]."""
    from purista.cli.serve import serve as work  # noqa: PLC0415 - only this command pays for it

    out = Output(as_json=as_json)
    return asyncio.run(work(ctx.obj, out, config=config, host=host, port=port, ledger=ledger, app=app, dev=dev))


def secret(
    path: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="write it there, for you alone")
    ] = None,
    *,
    bearer: Annotated[bool, typer.Option("--bearer", help="a token instead of a signing secret, and its hash")] = False,
    as_json: Json = False,
) -> int:
    """A new secret for the HTTP gateway, from this machine's randomness."""
    from purista.cli.serve import new_secret as work  # noqa: PLC0415 - only this command pays for it

    return work(Output(as_json=as_json), path=path, bearer=bearer)
