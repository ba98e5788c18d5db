"""Options of the commands about what is kept: dead letters and the ledger itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from purista.cli.life import on_ledger, on_letters
from purista.cli.options import App, Count, Json, Ledger
from purista.cli.output import Output

__all__ = ["groups"]

Group = tuple[str, str, list[tuple[str, Callable[..., int]]]]


def groups() -> list[Group]:
    """Name, words and commands of each group."""
    return [
        (
            "dead",
            "Messages that were put aside.",
            [("list", dead_list), ("show", dead_show), ("requeue", dead_requeue)],
        ),
        (
            "ledger",
            "The receipt book: copies, retention.",
            [("backup", backup), ("restore", restore), ("restored", restored), ("purge", purge)],
        ),
    ]


def dead_list(
    ctx: typer.Context,
    address: Annotated[str | None, typer.Argument(metavar="[ADDRESS]", help="such as queue:billing.run")] = None,
    *,
    count: Count = 50,
    ledger: Ledger = None,
    app: App = None,
    as_json: Json = False,
) -> int:
    """Dead letters, newest first."""
    from purista.cli.dead import list_dead as work  # noqa: PLC0415 - only this command pays for it

    wish: dict[str, Any] = {"address": address, "limit": count, "app": app or ctx.obj.app}
    return on_letters(ctx, ledger, app, as_json, lambda desk, found, out: work(desk.ledger, found, out, **wish))


def dead_show(
    ctx: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="an id, or its beginning")],
    *,
    ledger: Ledger = None,
    app: App = None,
    as_json: Json = False,
) -> int:
    """One dead letter with its message."""
    from purista.cli.dead import show as work  # noqa: PLC0415 - only this command pays for it

    return on_letters(ctx, ledger, app, as_json, lambda _, found, out: work(found, out, id=id))


def dead_requeue(
    ctx: typer.Context,
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="ids, or their beginnings")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="every dead letter")] = False,
    ledger: Ledger = None,
    app: App = None,
    as_json: Json = False,
) -> int:
    """Bring dead letters back with fresh attempts; work of a run asks for its permit again."""
    from purista.cli.dead import requeue as work  # noqa: PLC0415 - only this command pays for it

    return on_letters(
        ctx, ledger, app, as_json, lambda _, found, out: work(found, out, ids=ids or [], everything=everything),
        writes=True,
    )  # fmt: skip


def backup(
    ctx: typer.Context,
    target: Annotated[Path, typer.Argument(metavar="FILE", help="a new file")],
    ledger: Ledger = None,
    app: App = None,
    *,
    as_json: Json = False,
) -> int:
    """Copy the ledger while it is in use. The copy is whole or not there."""
    from purista.cli.keep import backup as work  # noqa: PLC0415 - only this command pays for it

    return work(Output(as_json=as_json), ctx.obj.ledger_path(ledger, app), target)


def restore(
    ctx: typer.Context,
    copy: Annotated[Path, typer.Argument(metavar="FILE", help="a copy")],
    ledger: Ledger = None,
    app: App = None,
    *,
    as_json: Json = False,
) -> int:
    """Put a copy in the ledger's place. Stop what uses it first; what was there is kept beside it."""
    from purista.cli.keep import restore as work  # noqa: PLC0415 - only this command pays for it

    return work(Output(as_json=as_json), copy, ctx.obj.ledger_path(ledger, app), ctx.obj.clock.now())


def restored(ctx: typer.Context, ledger: Ledger = None, app: App = None, *, as_json: Json = False) -> int:
    """Tell a server's ledger that its database was put back from a copy. Before anything else starts on it."""
    from purista.cli.keep import restored as work  # noqa: PLC0415 - only this command pays for it

    return on_ledger(ctx, ledger, app, as_json, work, writes=True)


def purge(
    ctx: typer.Context,
    *,
    payloads: Annotated[
        int | None, typer.Option("--payloads", min=0, metavar="DAYS", help="older ones' content")
    ] = None,
    records: Annotated[
        int | None, typer.Option("--records", min=0, metavar="DAYS", help="older ones altogether")
    ] = None,
    ledger: Ledger = None,
    app: App = None,
    as_json: Json = False,
) -> int:
    """Forget what is old: payloads first, records later. What is open or dead-lettered stays."""
    from purista.cli.keep import purge as work  # noqa: PLC0415 - only this command pays for it

    return on_ledger(
        ctx, ledger, app, as_json, lambda opened, out: work(opened, out, payloads=payloads, records=records),
        writes=True,
    )  # fmt: skip
