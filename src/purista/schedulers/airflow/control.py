"""The owner's file in a folder of DAGs: read, compared, exchanged in one act, read back.

Airflow has no call that makes a DAG: the file is the registration, and what is in it is what is live once Airflow has read
it. A file without the owner's mark is never touched, and what is right already costs no write."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from purista.errors import RegistrationError, RegistrationMismatch
from purista.schedulers.airflow.text import Found, digest_of, file_name, file_text, read_file
from purista.schedulers.base import Applied, Compiled, Finding, LiveEntry, Owner, Severity
from purista.schedulers.locked import locked

__all__ = ["AirflowControl"]

MODE = 0o644
RIGHTS = "let it write there, or bring the file there in the deployment (purista export airflow -o …)"


class AirflowControl:
    """A :class:`~purista.schedulers.base.Control` over a folder of DAGs. Safe for several processes at once.

    ``patience`` is how many seconds to wait for another process that is writing there.
    """

    def __init__(self, directory: Path, *, standalone: bool = False, patience: float = 60.0) -> None:
        self.directory, self._standalone, self._patience = directory, standalone, patience

    async def preflight(self) -> Sequence[Finding]:
        """What would stop an apply: no folder, no right to write there."""
        return await asyncio.to_thread(self._preflight)

    async def list(self, owner: Owner) -> Sequence[LiveEntry]:
        """The owner's live DAGs, by the file. Without a digest: somebody edited it."""
        found = await asyncio.to_thread(self._read, owner)
        return [_entry(one, whole=found.whole) for one in found.entries] if found else []

    async def apply(self, owner: Owner, compiled: Compiled) -> Applied:
        """Make the owner's file equal to what was compiled. Airflow drops the DAGs that are no longer in it by itself.

        :raises RegistrationError: the folder is not there or not writable; the file is somebody else's.
        :raises RegistrationMismatch: what was read back is not what was written.
        """
        return await asyncio.to_thread(self._apply, owner, compiled)

    def _preflight(self) -> Sequence[Finding]:
        if not self.directory.is_dir():
            message = f"expected a folder of DAGs {self.directory}, found none; make it, or name the right one"
        elif not os.access(self.directory, os.W_OK | os.X_OK):
            message = f"this process may not write to {self.directory}; {RIGHTS}"
        else:
            return []
        return [Finding("AF201", Severity.REFUSED, "", message)]

    def _apply(self, owner: Owner, compiled: Compiled) -> Applied:
        try:
            with locked(self.directory, self._patience):
                return self._exchange(owner, compiled)
        except FileNotFoundError as error:
            raise RegistrationError(f"expected a folder of DAGs {self.directory}, found none ({error})") from error
        except PermissionError as error:
            raise RegistrationError(f"this process may not write to {self.directory}; {RIGHTS} ({error})") from error
        except OSError as error:
            raise RegistrationError(f"cannot write to {self.directory}: {error}") from error

    def _exchange(self, owner: Owner, compiled: Compiled) -> Applied:
        found = self._read(owner)
        before = {one["dag"]: one for one in found.entries} if found else {}
        live = {name: _entry(one, whole=found is not None and found.whole).digest for name, one in before.items()}
        wanted = {entry.name: entry for entry in compiled.entries}
        changed = sum(name in live and live[name] != entry.digest for name, entry in wanted.items())
        done = Applied(
            created=sum(name not in live for name in wanted), updated=changed, deleted=sum(n not in wanted for n in live),
            unchanged=sum(live.get(name) == entry.digest for name, entry in wanted.items()), written=1,
        )  # fmt: skip
        stale = found is not None and not (found.whole and wanted)
        if done.created == done.updated == done.deleted == 0 and not stale:
            return Applied(unchanged=done.unchanged)
        self._write(owner, [_kept(json.loads(e.body), before.get(name), live.get(name)) for name, e in wanted.items()])
        back = self._read(owner)
        if {one["dag"]: digest_of(one) for one in (back.entries if back else ())} != {
            n: e.digest for n, e in wanted.items()
        }:
            raise RegistrationMismatch(f"{self.directory / file_name(owner)} does not hold what was written to it")
        return done

    def _write(self, owner: Owner, entries: Sequence[Mapping[str, Any]]) -> None:
        """Beside it under a hidden name, which Airflow passes over; then renamed."""
        path = self.directory / file_name(owner)
        if not entries:
            path.unlink(missing_ok=True)
            return
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.unlink(missing_ok=True)  # of a process that was killed while it wrote: we hold the lock
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, MODE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, MODE)
                file.write(file_text(owner, entries, standalone=self._standalone).encode())
                file.flush()
                os.fsync(descriptor)
            temporary.replace(path)
        except BaseException:
            with suppress(FileNotFoundError):
                temporary.unlink()
            raise

    def _read(self, owner: Owner) -> Found | None:
        path = self.directory / file_name(owner)
        try:
            text = path.read_bytes().decode("utf-8", "replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RegistrationError(f"cannot read {path}: {error}") from error
        found = read_file(text)
        if found is None or (found.owner.service, found.owner.environment) != (owner.service, owner.environment):
            raise RegistrationError(f"{path} does not carry our mark: it is left alone; move it away")
        if found.owner.ledger_id not in ("", owner.ledger_id) and owner.ledger_id:
            raise RegistrationError(
                f"{path} belongs to ledger {found.owner.ledger_id}, this is ledger {owner.ledger_id}: two ledgers would each "
                "decide on their own; remove the file if that ledger is gone"
            )
        return found


def _entry(said: Mapping[str, Any], *, whole: bool) -> LiveEntry:
    return LiveEntry(said["dag"], digest_of(said) if whole else None, json.dumps(said))


def _kept(wanted: dict[str, Any], before: Mapping[str, Any] | None, digest: str | None) -> dict[str, Any]:
    """From when it calls is kept where nothing changed: moving it would leave out what was due in between."""
    if before is not None and digest == digest_of(wanted) and isinstance(before.get("since"), int):
        wanted["since"] = before["since"]
    return wanted
