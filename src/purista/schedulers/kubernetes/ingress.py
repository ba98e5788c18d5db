"""A Job's name tells when it was due: the controller makes it of the CronJob's name and the minute since the epoch.

Source: ``getJobName`` in ``pkg/controller/cronjob`` of Kubernetes: ``<cronjob>-<scheduled time in minutes>``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from purista.schedulers.kubernetes.place import Place

__all__ = ["JOB", "arguments", "due_of_job", "escaped"]

JOB = "PURISTA_JOB"
"""The environment variable in which a pod finds the name of its Job."""
EARLIEST, LATEST = 24_000_000, 120_000_000
"""Minutes from 2015 to 2198: what else a name ends in was given by a person."""


def due_of_job(name: str) -> int | None:
    """The instant (ms) for which a Job was made; None for one that a person made (``kubectl create job --from``)."""
    stem, _, digits = name.rpartition("-")
    if not stem or not (digits.isascii() and digits.isdigit() and len(digits) <= 9):
        return None
    minutes = int(digits)
    return minutes * 60_000 if EARLIEST <= minutes < LATEST else None


def arguments(place: Place, key: str, *, exact: bool, delay: int = 0) -> list[str]:
    """What the container runs. ``exact``: the Job's own minute is the occurrence's, so it is said and checked. ``delay``: so
    many seconds it waits first.
    """
    named = [f"--job=$({JOB})"] if exact else []
    named += [f"--delay={delay}"] if delay else []
    return [
        *map(escaped, place.command), "trigger", "--gateway", escaped(place.gateway), *place.credential(),
        "--scheduler", "kubernetes", *named, "--", escaped(key),
    ]  # fmt: skip


def escaped(text: str) -> str:
    """As it is: the kubelet replaces ``$(NAME)`` in arguments, and takes ``$$`` for ``$``."""
    return text.replace("$", "$$")


def environment() -> Sequence[Mapping[str, object]]:
    """The Job's name, by the downward API: its annotations are not copied to the pod."""
    path = "metadata.labels['batch.kubernetes.io/job-name']"
    return [{"name": JOB, "valueFrom": {"fieldRef": {"fieldPath": path}}}]
