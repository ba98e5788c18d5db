"""A block in the user's own crontab, for people without root and for macOS. What is outside the block is never changed."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from purista.errors import RegistrationError, RegistrationMismatch
from purista.schedulers.base import Applied, Compiled, Finding, LiveEntry, Owner, Severity
from purista.schedulers.cron.dialect import file_name
from purista.schedulers.cron.text import LINES_LIMIT, Job, mark, parse_jobs, read_mark
from purista.schedulers.locked import locked

__all__ = ["CrontabControl", "Run", "crontab"]

Run = Callable[[Sequence[str], bytes | None], tuple[int, bytes, str]]
"""Runs ``crontab`` with arguments and input; exit code, output, error text."""
QUIET = " >/dev/null"
"""A user's cron mails what is printed; complaints still go to the mail."""


def crontab(arguments: Sequence[str], text: bytes | None) -> tuple[int, bytes, str]:
    """The machine's own ``crontab``; 127, as a shell says, where there is none."""
    environment = {**os.environ, "LC_ALL": "C"}
    program = shutil.which("crontab")
    if program is None:
        return 127, b"", "there is no command crontab here; install cron"
    command = [program, *arguments]  # arguments are our own: -l, - or -r
    done = subprocess.run(command, input=text, capture_output=True, env=environment, check=False)  # noqa: S603
    return done.returncode, done.stdout, done.stderr.decode("utf-8", "replace").strip()


class CrontabControl:
    """A :class:`~purista.schedulers.base.Control` over one user's crontab.

    The block stands at the top, before any ``SHELL``, ``PATH`` or ``CRON_TZ`` of the user's, which would change what it means.
    """

    def __init__(self, user: str, run: Run = crontab, *, patience: float = 10.0) -> None:
        self._user, self._run, self._patience = user, run, patience

    async def preflight(self) -> Sequence[Finding]:
        """What would stop an apply."""
        if self._run is crontab and shutil.which("crontab") is None:
            return [Finding("C203", Severity.REFUSED, "", "expected the command crontab, found none; install cron")]
        try:
            await asyncio.to_thread(self._text)
        except RegistrationError as error:
            return [Finding("C204", Severity.REFUSED, "", str(error))]
        return []

    async def list(self, owner: Owner) -> Sequence[LiveEntry]:
        """The owner's live entries; none when there is no block of ours."""
        return await asyncio.to_thread(lambda: self._entries(owner, self._text()))

    async def apply(self, owner: Owner, compiled: Compiled) -> Applied:
        """Make the owner's block say what was compiled; no entry left removes it, no difference writes nothing.

        :raises RegistrationError: crontab refuses, or the block is another ledger's; what was live still is.
        :raises RegistrationMismatch: what was read back is not what was written.
        """
        return await asyncio.to_thread(self._apply, owner, compiled)

    def _apply(self, owner: Owner, compiled: Compiled) -> Applied:
        with _locked(self._patience):
            before = self._text()
            live = {entry.name: entry.digest for entry in self._entries(owner, before)}
            wanted = {entry.name: entry.digest for entry in compiled.entries}
            after = _without(owner, before)
            if compiled.entries:
                after = _block(owner, compiled).encode() + after
            if after != before:
                self._write(after)
        return Applied(
            created=sum(name not in live for name in wanted),
            updated=sum(name in live and live[name] != wanted[name] for name in wanted),
            deleted=sum(name not in wanted for name in live),
            unchanged=sum(live.get(name) == wanted[name] for name in wanted),
            written=int(after != before),
        )

    def _text(self) -> bytes:
        code, out, error = self._run(["-l"], None)
        if code and "no crontab for" in error:
            return b""
        if code:
            raise RegistrationError(
                f"expected to read the crontab of {self._user}, got: {error or f'exit code {code}'}"
            )
        return out

    def _write(self, text: bytes) -> None:
        code, _, error = self._run(["-"], text) if text else self._run(["-r"], None)
        if code:
            lines = text.count(b"\n")
            many = (
                f"; it would have {lines} lines, write CronScheduler() for files of cron.d"
                if lines > LINES_LIMIT
                else ""
            )
            raise RegistrationError(f"crontab did not take the new lines: {error or f'exit code {code}'}{many}")
        if self._text() != text:
            raise RegistrationMismatch(f"the crontab of {self._user} does not hold what was written to it")

    def _entries(self, owner: Owner, text: bytes) -> Sequence[LiveEntry]:
        lines = _inside(owner, text)
        if lines is None:
            return []
        found = read_mark(lines[0]) if lines else None
        if found is None or found.get("ledger") != owner.ledger_id:
            ledger = None if found is None else found.get("ledger")
            raise RegistrationError(
                f"the block {file_name(owner)} in the crontab of {self._user} belongs to ledger {ledger}, this is ledger "
                f"{owner.ledger_id}: point PURISTA_LEDGER to the first, or remove the block if that ledger is gone"
            )
        try:
            jobs = parse_jobs([_with_user(line, self._user) for line in lines[1:]], 1)
        except RegistrationError:
            return []  # edited by hand so that it cannot be read: everything is missing, and will be written again
        return [LiveEntry(job.name, None if job.edited else job.digest, job.text()) for job in jobs]


def _block(owner: Owner, compiled: Compiled) -> str:
    about = {"service": owner.service, "environment": owner.environment, "ledger": owner.ledger_id, "format": 1}
    jobs = parse_jobs([line for entry in compiled.entries for line in entry.body[:-1].split("\n")], 1)
    lines = [mark(about), *(line for job in jobs for line in _without_user(job))]
    return "\n".join([_begin(owner), *lines, _end(owner)]) + "\n"


def _begin(owner: Owner) -> str:
    return (
        f"# BEGIN {file_name(owner)} (written by purista when the service starts; what is changed here is written over)"
    )


def _end(owner: Owner) -> str:
    return f"# END {file_name(owner)}"


def _without_user(job: Job) -> list[str]:
    above, _ = job.text()[:-1].split("\n")
    return [above, f"{job.fields} {job.command}{QUIET}"]


def _with_user(line: str, user: str) -> str:
    if line.startswith("#"):
        return line
    parts = line.removesuffix(QUIET).split(" ", 5)
    return " ".join([*parts[:5], user, *parts[5:]])


def _span(owner: Owner, lines: Sequence[bytes]) -> tuple[int, int] | None:
    """Where our block stands: from its first line to after its last."""
    begin, end = f"# BEGIN {file_name(owner)} ".encode(), _end(owner).encode()
    start = next((number for number, line in enumerate(lines) if line.startswith(begin)), None)
    if start is None:
        return None
    stop = next((number for number in range(start, len(lines)) if lines[number].rstrip(b"\r\n") == end), None)
    if stop is None:
        raise RegistrationError(
            f"expected the line {_end(owner)!r} after its BEGIN in the crontab, found none; remove the rest by hand"
        )
    return start, stop + 1


def _inside(owner: Owner, text: bytes) -> list[str] | None:
    lines = text.splitlines(keepends=True)
    span = _span(owner, lines)
    if span is None:
        return None
    return [line.decode("utf-8", "replace").rstrip("\n") for line in lines[span[0] + 1 : span[1] - 1]]


def _without(owner: Owner, text: bytes) -> bytes:
    lines = text.splitlines(keepends=True)
    span = _span(owner, lines)
    return text if span is None else b"".join(lines[: span[0]] + lines[span[1] :])


@contextmanager
def _locked(patience: float) -> Iterator[None]:
    """Only one process of this user at a time: reading and writing a crontab are two commands."""
    path = Path(tempfile.gettempdir(), f"purista-crontab-{os.getuid()}.lock")
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        message = f"expected a lock file {path} of our own, got: {error}; remove it, or set TMPDIR"
        raise RegistrationError(message) from error
    with locked(path, patience):
        yield
