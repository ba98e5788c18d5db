"""Options of ``export`` and ``apply``, with a command for each scheduler of a host, or beside it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from purista.cli import temporal_options as temporal
from purista.cli.options import App, HostZone, Json, Ledger
from purista.cli.output import Output
from purista.cli.store import Group

__all__ = ["groups"]

Files = Annotated[Path | None, typer.Option("-o", "--output", metavar="DIR", help="write the files there")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="say what would change, change nothing")]
UserUnits = Annotated[bool, typer.Option("--user", help="of this user's own systemd, without root")]


def groups() -> list[Group]:
    """Name, words and commands of each group."""
    return [
        (
            "export",
            "Print or write what a scheduler would be given.",
            [
                ("airflow", export_airflow),
                ("cron", export_cron),
                ("gcp", export_gcp),
                ("kubernetes", export_kubernetes),
                ("systemd", export_systemd),
                ("temporal", temporal.export_temporal),
            ],
        ),
        (
            "apply",
            "Register the app's schedules and configure the scheduler.",
            [
                ("airflow", apply_airflow),
                ("cron", apply_cron),
                ("gcp", apply_gcp),
                ("kubernetes", apply_kubernetes),
                ("systemd", apply_systemd),
                ("temporal", temporal.apply_temporal),
            ],
        ),
        ("temporal", "Work what schedules in Temporal start.", [("worker", temporal.worker_temporal)]),
    ]


def _check_folder(directory: Path | None) -> None:
    """A folder that is named must be there, before anything is registered.

    :raises Stop: it is not.
    """
    if directory is not None and not directory.is_dir():
        from purista.cli.exits import CANNOT_CREATE, Stop  # noqa: PLC0415

        raise Stop(CANNOT_CREATE, f"expected a folder {directory}, found none; make it: mkdir {directory}")


def export_cron(
    ctx: typer.Context,
    directory: Files = None,
    host_zone: HostZone = None,
    ledger: Ledger = None,
    app: App = None,
    *,
    as_json: Json = False,
) -> int:
    """What `apply cron` would write. Needs no rights and changes nothing."""
    from purista.cli import brokered  # noqa: PLC0415 - only these commands pay for it
    from purista.cli.configure import export  # noqa: PLC0415
    from purista.cli.cron import cron, options  # noqa: PLC0415

    out, found = Output(as_json=as_json), ctx.obj.load(app)
    if brokered.over_a_broker(found, ledger):
        zone = options(host_zone=host_zone)
        return brokered.export(ctx.obj, found, out, kind=brokered.CronScheduler, directory=directory, options=zone)
    return asyncio.run(export(ctx.obj, found, out, place=cron(host_zone=host_zone), directory=directory, ledger=ledger))


def export_airflow(
    ctx: typer.Context,
    gateway: Annotated[
        str, typer.Option("--gateway", metavar="URL", help="purista serve, as Airflow's workers see it")
    ],
    secret: Annotated[
        str | None,
        typer.Option("--secret", metavar="REF", help="env:NAME, file:PATH or connection:ID: what signs calls"),
    ] = None,
    token: Annotated[str | None, typer.Option("--token", metavar="REF", help="a bearer token instead")] = None,
    directory: Files = None,
    app: App = None,
    *,
    standalone: Annotated[bool, typer.Option("--standalone", help="a file that needs nothing but Airflow")] = False,
    as_json: Json = False,
) -> int:
    """A file of DAGs that call a gateway, for Airflow's folder. Needs no Airflow and no ledger."""
    from purista.cli.airflow import export  # noqa: PLC0415 - only this command pays for it
    from purista.schedulers.airflow import AirflowScheduler  # noqa: PLC0415

    place = AirflowScheduler(directory or ".", gateway=gateway, secret=secret, token=token, standalone=standalone)
    return export(ctx.obj, ctx.obj.load(app), Output(as_json=as_json), place=place, directory=directory)


def export_gcp(
    ctx: typer.Context,
    project: Annotated[str | None, typer.Option("--project", metavar="ID", help="[the app's own GcpScheduler]")] = None,
    location: Annotated[str | None, typer.Option("--location", metavar="NAME", help="such as europe-west3")] = None,
    topic: Annotated[str | None, typer.Option("--topic", metavar="NAME", help="jobs publish to it")] = None,
    gateway: Annotated[str | None, typer.Option("--gateway", metavar="URL", help="or they call purista serve")] = None,
    service_account: Annotated[
        str | None, typer.Option("--service-account", metavar="EMAIL", help="whose token they carry, over HTTP")
    ] = None,
    audience: Annotated[str | None, typer.Option("--audience", metavar="TEXT", help="of the token [the URL]")] = None,
    directory: Files = None,
    app: App = None,
    *,
    as_json: Json = False,
    form: Annotated[
        str, typer.Option("--format", metavar="terraform", help="Terraform JSON, the only one")
    ] = "terraform",
) -> int:
    """Jobs of Google Cloud Scheduler as Terraform JSON. Needs no account and no ledger."""
    from purista.cli.gcp import export, placed  # noqa: PLC0415 - only this command pays for it

    found = ctx.obj.load(app)
    place = placed(
        found, form, project=project, location=location, topic=topic, gateway=gateway, service_account=service_account,
        audience=audience,
    )  # fmt: skip
    return export(ctx.obj, found, Output(as_json=as_json), place=place, directory=directory)


def export_kubernetes(
    ctx: typer.Context,
    image: Annotated[str, typer.Option("--image", metavar="IMAGE", help="has the command purista")],
    gateway: Annotated[str, typer.Option("--gateway", metavar="URL", help="purista serve, as pods see it")],
    secret: Annotated[
        str | None, typer.Option("--secret", metavar="NAME/KEY", help="of a Secret: what signs calls")
    ] = None,
    token: Annotated[str | None, typer.Option("--token", metavar="NAME/KEY", help="a bearer token instead")] = None,
    namespace: Annotated[str | None, typer.Option("--namespace", metavar="NAME", help="[left to kubectl]")] = None,
    directory: Files = None,
    app: App = None,
    *,
    as_json: Json = False,
) -> int:
    """CronJobs that call a gateway, for `kubectl apply` or Kustomize. Needs no cluster and no ledger."""
    from purista.cli.kubernetes import export  # noqa: PLC0415 - only this command pays for it
    from purista.schedulers.kubernetes import KubernetesScheduler  # noqa: PLC0415

    place = KubernetesScheduler(image=image, gateway=gateway, secret=secret, token=token, namespace=namespace)
    return export(ctx.obj, ctx.obj.load(app), Output(as_json=as_json), place=place, directory=directory)


def export_systemd(
    ctx: typer.Context,
    directory: Files = None,
    ledger: Ledger = None,
    app: App = None,
    *,
    user: UserUnits = False,
    as_json: Json = False,
) -> int:
    """What `apply systemd` would write. Needs no rights and changes nothing."""
    from purista.cli import brokered  # noqa: PLC0415 - only these commands pay for it
    from purista.cli.configure import export  # noqa: PLC0415
    from purista.cli.systemd import systemd  # noqa: PLC0415

    out, found = Output(as_json=as_json), ctx.obj.load(app)
    if brokered.over_a_broker(found, ledger):
        given = {"user_units": user or None}
        return brokered.export(ctx.obj, found, out, kind=brokered.SystemdScheduler, directory=directory, options=given)
    place = systemd(user_units=user)
    return asyncio.run(export(ctx.obj, found, out, place=place, directory=directory, ledger=ledger))


def apply_airflow(ctx: typer.Context, app: App = None, *, as_json: Json = False) -> int:
    """Register every service of the app and write its file of DAGs, by the app's own AirflowScheduler. See also `plan`."""
    from purista.cli.airflow import apply  # noqa: PLC0415 - only this command pays for it

    return asyncio.run(apply(ctx.obj.load(app), Output(as_json=as_json)))


def apply_cron(
    ctx: typer.Context,
    directory: Annotated[Path | None, typer.Option("--directory", metavar="DIR", help="[/etc/cron.d]")] = None,
    host_zone: HostZone = None,
    ledger: Ledger = None,
    app: App = None,
    *,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> int:
    """Register every service of the app and write cron's files; the files are read back before they are believed."""
    from purista.cli import brokered  # noqa: PLC0415 - only these commands pay for it
    from purista.cli.configure import apply  # noqa: PLC0415
    from purista.cli.cron import cron, options  # noqa: PLC0415

    out, found = Output(as_json=as_json), ctx.obj.load(app)
    _check_folder(directory)
    if brokered.over_a_broker(found, ledger):
        given = options(directory=directory, host_zone=host_zone)
        return asyncio.run(brokered.apply(found, out, kind=brokered.CronScheduler, options=given, dry_run=dry_run))
    place = cron(directory=directory, host_zone=host_zone)
    return asyncio.run(apply(ctx.obj, found, out, place=place, ledger=ledger, dry_run=dry_run))


def apply_gcp(ctx: typer.Context, app: App = None, *, as_json: Json = False) -> int:
    """Register every service of the app and write its jobs, by the app's own GcpScheduler. See also `plan`."""
    from purista.cli.gcp import apply  # noqa: PLC0415 - only this command pays for it

    return asyncio.run(apply(ctx.obj.load(app), Output(as_json=as_json)))


def apply_kubernetes(ctx: typer.Context, app: App = None, *, as_json: Json = False) -> int:
    """Register every service of the app and apply its CronJobs, by the app's own KubernetesScheduler. See also `plan`."""
    from purista.cli.kubernetes import apply  # noqa: PLC0415 - only this command pays for it

    return asyncio.run(apply(ctx.obj.load(app), Output(as_json=as_json)))


def apply_systemd(
    ctx: typer.Context,
    directory: Annotated[Path | None, typer.Option("--directory", metavar="DIR", help="[/etc/systemd/system]")] = None,
    ledger: Ledger = None,
    app: App = None,
    *,
    user: UserUnits = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> int:
    """Register every service of the app, write units and start their timers."""
    from purista.cli import brokered  # noqa: PLC0415 - only these commands pay for it
    from purista.cli.configure import apply  # noqa: PLC0415
    from purista.cli.systemd import systemd  # noqa: PLC0415

    out, found = Output(as_json=as_json), ctx.obj.load(app)
    _check_folder(directory)
    if brokered.over_a_broker(found, ledger):
        given = {"directory": directory, "user_units": user or None}
        return asyncio.run(brokered.apply(found, out, kind=brokered.SystemdScheduler, options=given, dry_run=dry_run))
    place = systemd(directory=directory, user_units=user)
    return asyncio.run(apply(ctx.obj, found, out, place=place, ledger=ledger, dry_run=dry_run))
