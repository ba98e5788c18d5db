"""The owner's file in ``/etc/cron.d``: read, compared, written atomically. Nothing else there is ever touched.

Only an owner of thousands of lines has more than one file. Each is exchanged as a whole, in an order that leaves no job
without its line.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from purista.errors import RegistrationError, RegistrationMismatch
from purista.schedulers.base import Applied, Compiled, Finding, LiveEntry, Owner, Severity
from purista.schedulers.cron.dialect import CronDialect, file_name
from purista.schedulers.cron.text import Job, parse, read_mark
from purista.schedulers.locked import locked
from purista.schedulers.users import user_exists

__all__ = ["CronControl"]

MODE = 0o644
HERE = Path("/etc/cron.d")
"""What this machine's own cron reads."""
RIGHTS = "run `purista apply cron` as root in the deploy and start services with PURISTA_REGISTRATION=verify"


@dataclass(frozen=True, slots=True)
class _File:
    """A file of ours as it stands. ``heeded``: cron reads it (``changed`` is its time in whole seconds, as cron sees it)."""

    path: Path
    content: bytes
    heeded: bool
    changed: int

    def jobs(self) -> tuple[Job, ...]:
        """What it says. A file that somebody changed by hand so that it cannot be read says nothing."""
        try:
            return parse(self.content.decode("utf-8", "replace")).jobs
        except RegistrationError:
            return ()


class CronControl:
    """A :class:`~purista.schedulers.base.Control` over a folder that cron reads. Safe for several processes at once.

    ``patience`` is how many seconds to wait for another process that is writing there.
    """

    def __init__(self, directory: str | Path, dialect: CronDialect, *, patience: float = 10.0) -> None:
        self.directory = Path(directory)
        self._dialect, self._patience = dialect, patience

    async def preflight(self) -> Sequence[Finding]:
        """What would stop an apply, or keep cron from reading what was written."""
        if not self.directory.is_dir():
            return [_refused("C201", _no_folder(self.directory))]
        if not os.access(self.directory, os.W_OK | os.X_OK):
            return [_refused("C202", f"this process may not write to {self.directory}; {RIGHTS}")]
        if not self._believed(os.geteuid()):
            message = f"cron only reads files of root in {self.directory}, and what this process writes is not root's"
            return [_refused("C206", f"{message}; {RIGHTS}")]
        user = self._dialect.place.user
        if not user_exists(user):
            # Elsewhere a folder may be made for another machine.
            here = self.directory.resolve() == HERE
            message = f"expected a user of this machine, got {user!r}: cron would ignore the whole file"
            fix = f"write CronScheduler(user='app'), or run adduser --system {user}"
            return [Finding("C205", Severity.REFUSED if here else Severity.WARNING, "", f"{message}; {fix}")]
        return [Finding("C207", Severity.WARNING, "", message) for message in self._unheeded()]

    def _unheeded(self) -> Iterator[str]:
        """Files of ours, whoever's, that cron passes over: it says so in its log only."""
        for path in sorted(self.directory.glob("purista-*")):
            with suppress(FileNotFoundError):
                about = path.lstat()
                if stat.S_ISREG(about.st_mode) and (why := self._ignored(about)):
                    yield f"cron ignores {path}: {why}; apply again, it is written anew"

    def _ignored(self, about: os.stat_result) -> str:
        """Why Debian's cron does not read such a file; empty if it does."""
        if about.st_mode & 0o022:
            return f"others than its owner may write to it (mode {about.st_mode & 0o777:03o}, expected {MODE:03o})"
        if about.st_nlink != 1:
            return f"it has {about.st_nlink} names (hard links), expected 1"
        return "" if self._believed(about.st_uid) else f"it belongs to user {about.st_uid}, expected root"

    async def list(self, owner: Owner) -> Sequence[LiveEntry]:
        """The owner's live entries; none when there is no file of ours. Without a digest: edited, or not heeded by cron."""
        return await asyncio.to_thread(lambda: _entries(self._files(owner)))

    async def apply(self, owner: Owner, compiled: Compiled) -> Applied:
        """Make the owner's files say what was compiled; no entry left removes them, no difference writes nothing.

        :raises RegistrationError: a file is not ours, or cannot be written; what was live still is.
        :raises RegistrationMismatch: what was read back is not what was written.
        """
        return await asyncio.to_thread(self._apply, owner, compiled)

    def _believed(self, user: int) -> bool:
        """Whether cron reads this user's files here: root's, or those of whom the folder belongs to (in tests)."""
        return user in (0, self.directory.stat().st_uid)

    def _files(self, owner: Owner) -> Mapping[str, _File]:
        """The owner's files, checked to be ours, by name."""
        name = file_name(owner)
        ours = re.compile(re.escape(name) + r"(-[0-9]+)?")
        try:
            names = sorted(path.name for path in self.directory.iterdir() if ours.fullmatch(path.name))
            found = {name: self._file(self.directory / name, owner) for name in names}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise RegistrationError(f"cannot read {self.directory / name}: {error}") from error
        return {name: file for name, file in found.items() if file is not None}

    def _file(self, path: Path, owner: Owner) -> _File | None:
        try:
            about = path.lstat()
            if not stat.S_ISREG(about.st_mode):
                raise RegistrationError(
                    f"expected {path} to be a file of ours, found something else (a link?); remove it"
                )
            content = path.read_bytes()
        except FileNotFoundError:
            return None  # removed since it was listed
        _check_mark(path, content, owner)
        return _File(path, content, not self._ignored(about), int(about.st_mtime))

    def _apply(self, owner: Owner, compiled: Compiled) -> Applied:
        wanted = {e.name: e.digest for e in compiled.entries}
        texts = self._dialect.render(owner, compiled)
        try:
            with locked(self.directory, self._patience):
                self._sweep_up(owner)
                before = self._files(owner)
                live = {e.name: e.digest for e in _entries(before)}
                written = self._exchange({name: text.encode() for name, text in texts.items()}, before)
        except FileNotFoundError as error:
            raise RegistrationError(f"{_no_folder(self.directory)} ({error})") from error
        except PermissionError as error:
            raise RegistrationError(f"this process may not write to {self.directory}; {RIGHTS} ({error})") from error
        except OSError as error:
            raise RegistrationError(f"cannot write {self.directory / file_name(owner)}: {error}") from error
        return Applied(
            created=sum(name not in live for name in wanted),
            updated=sum(name in live and live[name] != wanted[name] for name in wanted),
            deleted=sum(name not in wanted for name in live),
            unchanged=sum(live.get(name) == wanted[name] for name in wanted),
            written=written,
        )

    def _exchange(self, wanted: Mapping[str, bytes], before: Mapping[str, _File]) -> int:
        """Growing: the new files first. Shrinking: the first file first, which takes over what goes. Removed at last."""
        written = 0
        for name in sorted(wanted, key=_number, reverse=len(wanted) >= len(before)):
            now = before.get(name)
            if now is None or now.content != wanted[name] or not now.heeded:
                self._write(self.directory / name, wanted[name], after=-1 if now is None else now.changed)
                written += 1
        for name in before.keys() - wanted.keys():
            before[name].path.unlink()
            self._sync_folder()
            written += 1
        return written

    def _sweep_up(self, owner: Owner) -> None:
        """What processes left that were killed while they wrote."""
        for path in self.directory.glob(f".{file_name(owner)}*.tmp"):
            with suppress(OSError):  # it does no harm there, and the next one may have the right to
                path.unlink()

    def _write(self, path: Path, content: bytes, *, after: int) -> None:
        """Write beside it under a name with a dot, which cron never reads; read back; then rename; then read again."""
        temporary = path.with_name(f".{path.name}.tmp")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        descriptor = os.open(temporary, flags, MODE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, MODE)
                file.write(content)
                file.flush()
                # cron compares whole seconds: a second change within one would never be noticed.
                changed = max(int(os.fstat(descriptor).st_mtime), after + 1)
                os.utime(descriptor, (changed, changed))
                os.fsync(descriptor)
            parse(temporary.read_text("utf-8"))
            temporary.replace(path)
        except BaseException:
            with suppress(FileNotFoundError):
                temporary.unlink()
            raise
        self._sync_folder()
        if path.read_bytes() != content:
            raise RegistrationMismatch(f"{path} does not hold what was written to it")

    def _sync_folder(self) -> None:
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _entries(files: Mapping[str, _File]) -> list[LiveEntry]:
    """The jobs of all files. One that stands in two (after a crash) is called twice: it has no digest, so it is drift."""
    found: dict[str, LiveEntry] = {}
    for file in files.values():
        for job in file.jobs():
            good = file.heeded and not job.edited and job.name not in found
            found[job.name] = LiveEntry(job.name, job.digest if good else None, job.text())
    return list(found.values())


def _check_mark(path: Path, content: bytes, owner: Owner) -> None:
    head = content[:65_536].decode("utf-8", "replace").split("\n")[:5]
    mark = next((m for m in map(read_mark, head) if m is not None), None)
    if mark is None or (mark.get("service"), mark.get("environment")) != (owner.service, owner.environment):
        raise RegistrationError(f"{path} does not carry our mark for {owner.service}: it is left alone; move it away")
    if mark.get("ledger") != owner.ledger_id:
        raise RegistrationError(
            f"{path} belongs to ledger {mark.get('ledger')}, this is ledger {owner.ledger_id}: two ledgers would each "
            "decide on their own; point PURISTA_LEDGER to the first, or remove the file if that ledger is gone"
        )


def _number(name: str) -> int:
    """1 for the owner's first file, else the number behind it."""
    _, _, last = name.rpartition("-")
    return int(last) if last.isdecimal() and len(last) < 8 else 1


def _no_folder(path: Path) -> str:
    fix = "install cron: apt-get install cron" if path == HERE else f"make it: mkdir {path}"
    return f"expected a folder {path}, found none; {fix}"


def _refused(code: str, message: str) -> Finding:
    return Finding(code, Severity.REFUSED, "", message)
