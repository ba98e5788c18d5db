"""The Python module that declares what was imported; what was not carried over stands in it as comments."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

from purista.importers.base import Finding, Imported, Job, Kind, identifier, one_line, word
from purista.importers.literal import literal
from purista.recurrence import Cron, Expression, Interval

__all__ = ["render"]

_WIDTH = 88
_STANDARD = ("asyncio", "inspect", "os", "pkgutil", "pwd", "subprocess")
_NAMED = {"Any": "typing", "datetime": "datetime", "timedelta": "datetime", "Path": "pathlib"}
_PURISTA = ("App", "Context", "Cron", "Interval", "OneShot", "ServiceBuilder")


def render(imported: Imported) -> str:
    """A module that declares every job that was carried over, with an app: formatted, and accepted by ``purista check``."""
    parts = [_service(imported)]
    if imported.jobs:
        parts.append(imported.prelude.strip("\n"))
    parts += [_job(imported, job) for job in imported.jobs]
    parts.append(f"app = App(services=[{imported.service}])")
    body = "\n\n\n".join(parts[:-1]) + ("\n\n\n" if len(parts) > 2 else "\n\n") + parts[-1] + "\n"
    body = re.sub(r"\n{3,}(?=\w+\.schedule\()", "\n\n\n", body)
    return f"{_docstring(imported)}\n\n{_imports(body)}\n\n{body}"


def _docstring(imported: Imported) -> str:
    count = f"{len(imported.jobs)} of {word(imported.total, 'job')}"
    text = f'"""Imported from {_safe(imported.origin)} by `purista import`: {count}.'
    return f'{text}\n\nWhat was not carried over, and what is different now, stands in the comments.\n"""'


def _safe(text: str) -> str:
    return one_line(text).replace("\\", "/").replace('"', "'")


def _imports(body: str) -> str:
    used = set(re.findall(r"\b\w+\b", re.sub(r"(?m)^\s*#.*$", "", body)))
    lines = [f"import {name}" for name in _STANDARD if re.search(rf"(?m)^[^#\n]*\b{name}\.\w", body)]
    homes: dict[str, list[str]] = {}
    for name, home in _NAMED.items():
        if name in used:
            homes.setdefault(home, []).append(name)
    lines += [f"from {home} import {', '.join(sorted(names))}" for home, names in sorted(homes.items())]
    ours = ", ".join(name for name in _PURISTA if name in used)
    return "\n".join([*lines, *([""] if lines else []), f"from purista import {ours}"])


def _service(imported: Imported) -> str:
    description = literal(f"Imported from {imported.origin}")
    lines = [
        f"{imported.service} = ServiceBuilder(",
        f"    {literal(imported.service)},",
        '    version="1",',
        f"    description={description},",
        ")",
    ]
    carried = {job.schedule.name for job in imported.jobs}
    general = [finding for finding in imported.findings if finding.job not in carried]
    return "\n".join([*_comments(general, named=True), *lines])


def _job(imported: Imported, job: Job) -> str:
    """The worker and the schedule that fills its queue."""
    name = job.schedule.name
    function = identifier(name)
    worker = f", {imported.worker}" if imported.worker else ""
    found = [finding for finding in imported.findings if finding.job == name]
    return "\n".join([
        f"# {job.where}: {job.source}",
        *_comments(found),
        f"@{imported.service}.queue_worker({literal(job.schedule.target.name)}{worker})",
        f"def {function}(context: Context) -> None:",
        *(f"    {line}" if line else "" for line in job.body),
        "",
        "",
        *_schedule(imported.service, function, job),
    ])  # fmt: skip


def _schedule(service: str, function: str, job: Job) -> Iterator[str]:
    schedule = job.schedule
    yield f"{service}.schedule("
    yield f"    {literal(schedule.name)},"
    yield f"    {_expression(schedule.expression)},"
    if isinstance(schedule.expression, Cron) or schedule.timezone != "UTC":
        yield f"    timezone={literal(schedule.timezone)},"
    yield f"    enqueue={function},"
    if schedule.description:
        yield f"    description={literal(schedule.description)},"
    for name, value in job.options.items():
        yield f"    {name}={literal(value, 4, len(name) + 2)},"
    yield ")"


def _expression(expression: Expression) -> str:
    if isinstance(expression, Cron):
        return f"Cron({literal(expression.value)})"
    if isinstance(expression, Interval):
        shift = f", offset={expression.offset_seconds}" if expression.offset_seconds else ""
        return f"Interval({expression.every_seconds}{shift})"
    return f'OneShot("{expression.at:%Y-%m-%dT%H:%M:%SZ}")'


_WORDS = {
    Kind.REFUSED: "NOT CARRIED OVER", Kind.LOST: "lost", Kind.DIFFERENT: "different", Kind.CHOSEN: "chosen",
}  # fmt: skip


def _comments(findings: list[Finding], *, named: bool = False) -> Iterator[str]:
    for finding in findings:
        where = ", ".join(text for text in (finding.where, finding.job) if text) if named else ""
        text = f"{_WORDS[finding.kind]}{f' ({where})' if where else ''}: {finding.message}; {finding.fix}"
        yield from textwrap.wrap(
            one_line(text), _WIDTH, initial_indent="# - ", subsequent_indent="#   ", break_long_words=False,
            break_on_hyphens=False,
        )  # fmt: skip
