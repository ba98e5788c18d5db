"""Where a manifest comes from: a file, or a gateway with a file that keeps its last answer."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path

from purista.clock import SystemClock
from purista.contract.manifest import Manifest, load_manifest
from purista.contract.schedule import Schedule
from purista.errors import ManifestError, RegistrationError
from purista.schedulers.base import Owner
from purista.schedulers.remote import RemoteFault, remote_of

__all__ = ["is_address", "owners_of", "read_manifest"]

log = logging.getLogger("purista.airflow")
FRESH_S = 60.0
WAIT_S = 5.0
PATH = "/schedules/manifest"


def is_address(source: str) -> bool:
    """Whether a gateway is asked."""
    return source.startswith(("http://", "https://"))


def read_manifest(source: str, token: str | None, cache: str | None) -> Manifest:
    """The manifest; of a gateway that is away, the one it gave last.

    :raises ManifestError: it is none.
    :raises RegistrationError: there is no file, or no gateway and no earlier answer.
    """
    if not is_address(source):
        try:
            return load_manifest(Path(source).read_bytes())
        except OSError as error:
            raise RegistrationError(f"expected a manifest in {source}, got: {error.strerror or error}") from error
    kept = Path(cache) if cache else _home() / f"purista-{hashlib.sha256(source.encode()).hexdigest()[:12]}.json"
    if _age(kept) < FRESH_S:
        return load_manifest(kept.read_bytes())
    text, fault = _asked(source, token)
    if text is not None:
        try:
            found = load_manifest(text)
        except ManifestError as error:
            fault = f"what it said is no manifest: {error}"
        else:
            _keep(kept, text)
            return found
    if not kept.exists():
        raise RegistrationError(
            f"expected the manifest of {source}, got none ({fault}), and there is no earlier one in {kept}"
        )
    log.warning("the manifest of %s is the last one it gave: %s", source, fault)
    return load_manifest(kept.read_bytes())


def owners_of(manifest: Manifest, environment: str) -> Sequence[tuple[Owner, Sequence[Schedule]]]:
    """The schedules of each service that are for this environment."""
    found: dict[str, list[Schedule]] = {}
    for schedule in manifest.schedules:
        if not schedule.environments or environment in schedule.environments:
            found.setdefault(schedule.service, []).append(schedule)
    return [(Owner(service, environment, ""), schedules) for service, schedules in sorted(found.items())]


def _asked(source: str, token: str | None) -> tuple[bytes | None, str]:
    import json  # noqa: PLC0415 - only who asks

    try:
        remote, _ = remote_of(source, None, token, SystemClock().now)
    except RemoteFault as error:
        raise RegistrationError(f"{error} (reading a manifest needs token=)") from None
    heard = remote.read(PATH, WAIT_S)
    if heard.status == 200:
        return json.dumps(heard.document).encode(), ""
    return None, str(heard.document.get("detail") or heard.fault or f"status {heard.status}")


def _home() -> Path:
    return Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return FRESH_S


def _keep(path: Path, text: bytes) -> None:
    """Where it cannot be kept, the gateway is asked each time."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(text)
        temporary.replace(path)
    except OSError as error:
        log.warning("cannot keep the manifest in %s: %s", path, error)
