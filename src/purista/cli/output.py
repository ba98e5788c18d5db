"""What a command prints: tables with colour in a terminal, aligned text when piped, one JSON document with ``--json``.

Names and reasons come from other people's code and are never trusted: no markup is read from them, and what is not
printable is shown as an escape.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from purista.clock import to_iso

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["Cell", "Output", "Row", "complain", "iso", "safe"]


class Cell(NamedTuple):
    """A text and how it looks in a terminal (a rich style; colour never carries what the text does not say)."""

    text: str
    style: str = ""


NEVER_FOLDED = 20
PADDING = 3
Row = Sequence["str | Cell"]


def safe(text: object) -> str:
    """``text`` on one line, without anything that could move a cursor or turn text around."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text))


def iso(ms: int | None) -> str | None:
    """For JSON: ISO 8601 with ``Z``, or None."""
    return None if ms is None else to_iso(ms)


def complain(message: object) -> None:
    """One sentence on stderr."""
    sys.stderr.write(f"purista: {safe(message)}\n")


class Output:
    """One command's way to stdout. ``terminal`` None asks stdout itself."""

    def __init__(self, *, as_json: bool = False, terminal: bool | None = None) -> None:
        self.as_json = as_json
        self.terminal = not as_json and (sys.stdout.isatty() if terminal is None else terminal)

    def document(self, value: Mapping[str, Any]) -> None:
        """The JSON document: keys as they are given, ASCII only, so that no terminal reads anything into it."""
        sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=True) + "\n")

    def record(self, value: Mapping[str, Any]) -> None:
        """One JSON document of many, on a line of its own: for commands that run on."""
        sys.stdout.write(json.dumps(value, ensure_ascii=True) + "\n")
        sys.stdout.flush()

    def line(self, text: object = "", style: str = "") -> None:
        """A line of text."""
        if not self.terminal:
            sys.stdout.write(f"{safe(text)}\n")
            return
        from rich.text import Text  # noqa: PLC0415 - only where there is a terminal

        self._console().print(Text(safe(text), style=style), soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Rows under their headings. Nothing at all when there are no rows."""
        cells = [[c if isinstance(c, Cell) else Cell(c) for c in row] for row in rows]
        cells = [[Cell(safe(c.text), c.style) for c in row] for row in cells]
        if not cells:
            return
        if self.terminal:
            self._rich(columns, cells)
        else:
            sys.stdout.write(_aligned([[Cell(c.upper()) for c in columns], *cells]))

    @contextmanager
    def progress(self, text: str) -> Iterator[None]:
        """Shows on stderr that something takes time, where somebody looks."""
        if not self.terminal or not sys.stderr.isatty():
            yield
            return
        from rich.console import Console  # noqa: PLC0415 - only where there is a terminal
        from rich.text import Text  # noqa: PLC0415

        with Console(stderr=True).status(Text(safe(text))):
            yield

    @contextmanager
    def counted(self, text: str, total: int) -> Iterator[Callable[[str], None]]:
        """A bar on stderr for so many steps, where somebody looks. Each step is told what it is about."""
        if not self.terminal or not sys.stderr.isatty():
            yield lambda _: None
            return
        from rich.console import Console  # noqa: PLC0415 - only where there is a terminal
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(safe(text), total=total)
            yield lambda about: bar.update(task, advance=1, description=f"{safe(text)} {safe(about)}")

    def _console(self) -> Console:
        from rich.console import Console  # noqa: PLC0415 - only where there is a terminal

        return Console(file=sys.stdout, force_terminal=True, highlight=False, markup=False, emoji=False)

    def _rich(self, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """A table where it fits; where it does not, a few lines a row: nothing is cut off."""
        from rich import box  # noqa: PLC0415 - only where there is a terminal
        from rich.cells import cell_len  # noqa: PLC0415
        from rich.padding import Padding  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        console = self._console()
        widths = [max(cell_len(row[i].text) for row in rows) for i in range(len(columns))]
        kept = [i for i, width in enumerate(widths) if width]  # a terminal has no room for what says nothing
        needed = sum(max(len(columns[i]), min(widths[i], NEVER_FOLDED)) + PADDING for i in kept)
        if needed > console.width:
            for row in rows:
                first, *others = _block([columns[i] for i in kept], [row[i] for i in kept])
                console.print(first)
                for line in others:
                    console.print(Padding(line, (0, 0, 0, 2)))
            return
        table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
        for i in kept:
            table.add_column(Text(columns[i]), overflow="fold", no_wrap=widths[i] <= NEVER_FOLDED)
        for row in rows:
            table.add_row(*(Text(row[i].text, style=row[i].style) for i in kept))
        console.print(table)


def _block(columns: Sequence[str], row: Sequence[Cell]) -> Iterator[Text]:
    """A row on its own lines: the first cell, then every other with its name, long ones on lines of their own."""
    from rich.text import Text  # noqa: PLC0415 - only where there is a terminal

    yield Text(row[0].text, style=row[0].style or "bold")
    named = [(name, cell) for name, cell in zip(columns[1:], row[1:], strict=True) if cell.text]
    short = [Text(f"{name}: ").append(cell.text, cell.style) for name, cell in named if len(cell.text) <= NEVER_FOLDED]
    if short:
        yield Text("  ").join(short)
    for name, cell in named:
        if len(cell.text) > NEVER_FOLDED:
            yield Text(f"{name}: ").append(cell.text, cell.style)


def _aligned(rows: Sequence[Sequence[Cell]]) -> str:
    """Two blanks between columns, none at the end of a line. Wide characters count as two."""
    from rich.cells import cell_len  # noqa: PLC0415 - small, but only tables need it

    widths = [max(cell_len(row[i].text) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        padded = (cell.text + " " * (width - cell_len(cell.text)) for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines) + "\n"
