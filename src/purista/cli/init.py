"""``purista init``: a new project that works, with a test that it passes. Nothing that exists is written over."""

from __future__ import annotations

import keyword
import re
import sys
from pathlib import Path

from purista.cli.exits import CANNOT_CREATE, OK, USAGE, Stop
from purista.cli.output import Output

__all__ = ["init"]

_TAKEN = frozenset({"app", "purista", "pytest", "tests", "test", *sys.stdlib_module_names})


def init(out: Output, directory: Path, *, name: str | None) -> int:
    """Write the project into ``directory``, which is made if it is not there.

    :raises Stop: a name that cannot be a module's, or a file that is there already; then nothing was written.
    """
    module = _module(name if name is not None else directory.resolve().name)
    files = {path.format(module=module): text.replace("MODULE", module) for path, text in _FILES.items()}
    there = [path for path in files if (directory / path).exists()]
    if there:
        raise Stop(CANNOT_CREATE, f"expected a new project in {directory}, found {', '.join(there)}; write another DIR")
    try:
        for path, text in files.items():
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            with (directory / path).open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise Stop(CANNOT_CREATE, f"expected a folder that can be written, got {directory}: {error.strerror}") from None
    if out.as_json:
        out.document({"name": module, "directory": str(directory), "files": sorted(files)})
        return OK
    for path in files:
        out.line(f"{directory / path}", "green")
    where = "" if directory == Path() else f"cd {directory} && "
    out.line(f"next: {where}python -m pytest, then purista check, purista next and purista dev")
    return OK


def _module(name: str) -> str:
    """The name of project, module and service: ``My Project`` → ``my_project``."""
    found = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    if not found or found[0].isdigit() or keyword.iskeyword(found) or found in _TAKEN:
        raise Stop(USAGE, f"expected a name that a Python module can have, got {name!r}; write --name billing, say")
    return found


_FILES = {
    "pyproject.toml": """\
[project]
name = "MODULE"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["purista"]

[dependency-groups]
dev = ["pytest"]

[tool.purista]
app = "MODULE:app"

[tool.pytest.ini_options]
pythonpath = ["."]
testpaths = ["tests"]
""",
    "{module}.py": '''\
"""What is due, and what is done about it."""

from pydantic import BaseModel

from purista import App, Context, Cron, ServiceBuilder


class Report(BaseModel):
    day: str


service = ServiceBuilder(
    "MODULE",
    version="1",
    description="Reports of the day before",
)


async def write(report: Report) -> None:
    """Your work. It may be done twice after a crash: let the same day give the same file."""
    print("report of", report.day, flush=True)


@service.queue_worker("MODULE.report")
async def write_report(context: Context, report: Report) -> None:
    await write(report)


service.schedule(
    "dailyReport",
    Cron("30 6 * * *"),
    timezone="UTC",  # the zone whose clock is meant, such as Europe/Berlin
    enqueue=write_report,
    payload={"day": "{previous_at:%Y-%m-%d}"},
    description="The report of the day before, every morning",
    concurrency_policy="forbid",  # not while the last one is still being written
    missed_run_policy="runOnce",  # a report that was missed is made up for, the latest one only
)
app = App(services=[service])
''',
    "tests/test_{module}.py": '''\
"""The schedule is due when it should be, and a call for it is worked once. Nothing waits for the time of day."""

import asyncio
from datetime import UTC, datetime

import MODULE
from purista import DefaultEventBridge
from purista.schedulers.base import Call
from purista.testing import ManualClock


def test_it_is_due_every_morning() -> None:
    (daily,) = MODULE.service.schedules
    night = datetime(2026, 1, 1, 0, 0, tzinfo=UTC)
    morning = datetime(2026, 1, 1, 6, 30, tzinfo=UTC)
    assert daily.recurrence().next_after(night) == morning


def test_two_calls_make_one_report(monkeypatch) -> None:
    async def morning() -> list[str]:
        written: asyncio.Queue[str] = asyncio.Queue()

        async def write(report: MODULE.Report) -> None:
            written.put_nowait(report.day)

        monkeypatch.setattr(MODULE, "write", write)
        clock = ManualClock("2026-01-02T06:00:00Z")
        bridge = DefaultEventBridge(clock=clock)  # in memory: it forgets everything
        running = await MODULE.service.get_instance(bridge)
        await running.start()
        clock.jump("2026-01-02T06:30:01Z")
        call = Call("MODULE/1/dailyReport", source="test")
        answers = [await bridge.gateway.trigger(call) for _ in range(2)]
        day = await asyncio.wait_for(written.get(), 10)
        await running.stop()
        assert written.empty()
        return [day, *(str(answer.answer) for answer in answers)]

    assert asyncio.run(morning()) == ["2026-01-01", "accepted", "duplicate"]
''',
    "README.md": """\
# MODULE

`MODULE.py` declares what is due (a schedule) and what is done about it (a worker).

    python -m pytest                # the test of both
    purista check                   # advice about what is declared
    purista next                    # when it is due
    purista dev --ledger purista.db # all in one process, for development; runs until Ctrl-C
    purista worker                  # registers the schedule and works what is due; runs on
    purista run dailyReport         # one run now, from another terminal; the worker works it
    purista apply cron              # lets cron keep the time

The ledger, the queue and the event bridge are one file, `purista.db`. `purista dev` without `--ledger` forgets.
""",
    ".gitignore": """\
__pycache__/
.venv/
purista.db*
""",
}
