"""What the demo stands on: a folder that is gone at the end, a clock for all processes, the processes, and the screen."""

from __future__ import annotations

import json
import os
import shlex
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from purista.ledgers.base import Query, Run, RunState
from purista.ledgers.sqlite import SqliteLedger
from purista.sqlite.file import SqliteFile
from purista.testing import SharedClock

HERE = Path(__file__).parent
PATIENCE = 60.0  # seconds of real time until something that should happen is given up
STEP_MS, SLOW_STEP_MS = 2_000, 500
SAFE_MS, LAST_MS = 14_000, 2_000  # a permit with less left makes the clock slow, then stop: slow machines lose none


class StoryBroke(Exception):
    """Something did not happen as it must."""


class Stage:
    """One play. Use it as a context manager: whatever happens, no process and no file is left."""

    def __init__(self, start: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="purista-demo-")
        self.folder = Path(self._folder.name)
        self.cron_d, self.ledger, self.log = (
            self.folder / "cron.d",
            self.folder / "purista.db",
            self.folder / "work.log",
        )
        self.cron_d.mkdir()
        self.clock = SharedClock(self.folder / "clock", start)
        self._processes: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.communicate()
        self.clock.close()
        self._folder.cleanup()

    def worker(self) -> subprocess.Popen[str]:
        """A worker process, registered and listening."""
        process = self._run("worker.py", self.clock_file, str(self.ledger), str(self.cron_d), str(self.log))
        line = process.stdout.readline() if process.stdout else ""
        if line != "ready\n":
            raise StoryBroke(f"the worker did not start: {line}{process.communicate()[1]}")
        return process

    def call(self, key: str, *, times: int = 1) -> list[str]:
        """``purista trigger KEY`` in as many processes at once; what each of them printed."""
        arguments = ("trigger.py", self.clock_file, "--ledger", str(self.ledger), "--scheduler", "demo", "--", key)
        calls = [self._run(*arguments) for _ in range(times)]
        answers = []
        for process in calls:
            out, err = process.communicate(timeout=PATIENCE)
            if process.returncode not in (0, 75):
                raise StoryBroke(f"purista trigger: exit code {process.returncode}: {err}")
            answers.append(out.strip())
        return sorted(answers)

    def stop(self, process: subprocess.Popen[str]) -> int:
        """Politely; returns the exit code."""
        process.terminate()
        process.communicate(timeout=PATIENCE)
        return process.returncode

    def kill(self, process: subprocess.Popen[str]) -> int:
        """Not politely: no handler, no finally, no goodbye."""
        process.kill()
        process.communicate(timeout=PATIENCE)
        self._note_killed(process.pid)
        return process.returncode

    def until(self, what: str, condition: Callable[[], Any], *, moving: bool = False) -> Any:
        """Wait in real time until something is true; ``moving`` lets the clock run meanwhile."""
        give_up = time.monotonic() + PATIENCE
        while not (found := condition()):
            if time.monotonic() > give_up:
                raise StoryBroke(f"did not happen within {PATIENCE:.0f} s: {what}")
            time.sleep(self._move() if moving else 0.01)
        return found

    def runs(self, **query: Any) -> list[Run]:
        """Records straight from the ledger, oldest first."""
        import asyncio  # noqa: PLC0415

        async def read() -> list[Run]:
            file = SqliteFile(self.ledger, environment=None, create=False)
            async with SqliteLedger(file, clock=self.clock) as ledger:
                return list(reversed((await ledger.history(Query(**query))).rows))

        return asyncio.run(read())

    def run(self, key: str, at: int) -> Run:
        """The record of one occurrence (``at`` in ms)."""
        found = self.runs(key=key, start=at, end=at + 1)
        if not found:
            raise StoryBroke(f"{key} has no record of {at}")
        return found[0]

    def finished(self, key: str, at: int) -> Callable[[], bool]:
        """Whether that run has finished."""
        return lambda: self.run(key, at).row.run is RunState.FINISHED

    def notes(self) -> list[dict[str, Any]]:
        """The work's own account, in the order in which it happened."""
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    @property
    def clock_file(self) -> str:
        """Where the clock is."""
        return str(self.folder / "clock")

    def _run(self, script: str, *arguments: str) -> subprocess.Popen[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PURISTA_")}
        process = subprocess.Popen(
            [sys.executable, str(HERE / script), *arguments], env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._processes.append(process)
        return process

    def _move(self) -> float:
        """Move the clock on, as far as living workers keep up with renewing; returns how long to wait (real seconds)."""
        dead = {note["pid"] for note in self.notes() if note["what"] == "killed"}
        statement = "SELECT worker, permit_until FROM parts WHERE state = 'working' AND permit_until IS NOT NULL"
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as connection:
            permits = connection.execute(statement).fetchall()
        ends = [until for worker, until in permits if int(worker.rpartition(":")[2]) not in dead]
        left = min(ends, default=sys.maxsize) - self.clock.now()
        if left >= SAFE_MS:
            self.clock.move(milliseconds=STEP_MS)
            return 0.01
        if left > LAST_MS:
            self.clock.move(milliseconds=SLOW_STEP_MS)
        return 0.05

    def _note_killed(self, pid: int) -> None:
        line = json.dumps({"what": "killed", "work": "", "about": "", "pid": pid, "at": self.clock.now()})
        with self.log.open("a") as file:
            file.write(line + "\n")


class Screen:
    """Panels, tables and colour in a terminal; the same as plain text when piped."""

    def __init__(self, *, plain: bool) -> None:
        self.plain = plain
        self._console: Any = None
        if not plain:
            from rich.console import Console  # noqa: PLC0415 - only where there is a terminal

            self._console = Console(highlight=False)

    def title(self, text: str, under: str) -> None:
        """The first thing to be seen."""
        if self.plain:
            print(f"{text}\n{under}", flush=True)
            return
        from rich.panel import Panel  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        self._console.print(Panel(Text(under), title=f"[bold]{text}[/]", border_style="cyan", expand=False))

    def act(self, number: int, text: str) -> None:
        """A new act."""
        if self.plain:
            print(f"\n== {number}. {text}", flush=True)
            return
        self._console.print()
        self._console.rule(f"[bold cyan]{number}. {text}", align="left", style="cyan")

    def say(self, text: str, style: str = "") -> None:
        """A sentence."""
        if self.plain:
            print(text, flush=True)
        else:
            from rich.text import Text  # noqa: PLC0415

            self._console.print(Text(text, style=style), soft_wrap=True)

    def step(self, when: str, text: str, style: str = "") -> None:
        """Something that happened at a time of the demo's clock."""
        if self.plain:
            print(f"  {when}  {text}", flush=True)
        else:
            from rich.text import Text  # noqa: PLC0415

            self._console.print(Text.assemble((f"  {when}  ", "dim"), (text, style)), soft_wrap=True)

    def code(self, text: str, language: str) -> None:
        """Program text."""
        if self.plain:
            print("\n".join(f"    {line}".rstrip() for line in text.splitlines()), flush=True)
            return
        from rich.panel import Panel  # noqa: PLC0415
        from rich.syntax import Syntax  # noqa: PLC0415

        syntax = Syntax(text, language, theme="ansi_dark", word_wrap=True, background_color="default")
        self._console.print(Panel(syntax, border_style="dim", expand=False))

    def table(
        self, columns: Sequence[str], rows: Sequence[Sequence[str]], styles: dict[str, str] | None = None,
        spare: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Rows under headings; ``styles`` colours cells by what they say. Narrow terminals go without ``spare`` columns."""
        if self.plain:
            cells = [[column.upper() for column in columns], *rows]
            widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
            for row in cells:
                print("  " + "  ".join(text.ljust(w) for text, w in zip(row, widths, strict=True)).rstrip(), flush=True)
            return
        from rich import box  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        widths = {name: max(len(name), *(len(row[i]) for row in rows)) + 3 for i, name in enumerate(columns)}
        for name in spare:
            if sum(widths.values()) > self._console.width:
                del widths[name]
        table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
        for column in widths:
            table.add_column(column, overflow="fold")
        for row in rows:
            shown = [text for name, text in zip(columns, row, strict=True) if name in widths]
            table.add_row(*(Text(text, style=(styles or {}).get(text, "")) for text in shown))
        self._console.print(table)

    def command(self, *arguments: str) -> int:
        """A command of ``purista`` as the reader would give it, in this folder."""
        self.say(f"$ purista {shlex.join(arguments)}", "bold")
        run = subprocess.run(
            [sys.executable, "-m", "purista", *arguments], cwd=HERE, check=False, text=True,
            stdout=subprocess.PIPE if self.plain else None,
        )  # fmt: skip
        if self.plain:
            print(run.stdout.rstrip(), flush=True)
        return run.returncode
