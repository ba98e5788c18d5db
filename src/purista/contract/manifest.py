"""All contracts as one JSON document: PURISTA's, with our additions.

What belongs here: the document around the entries. Keys are sorted by code point, not by JavaScript's ``localeCompare``
as PURISTA does: collation tables differ between ICU versions and are not in Python's library, and bytes that depend on
them are not deterministic. For every key that PURISTA or we define both orders are the same (a test holds that), so
only the keys of users' own schemas, payloads and hints can stand elsewhere than in an export from TypeScript.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from purista.contract.digest import DIGEST_VERSION, digest
from purista.contract.entry import KEYS, read_entry, to_entry
from purista.contract.identity import validate_name
from purista.contract.payload import MAX_PAYLOAD_BYTES, compile_template, dump
from purista.contract.reader import Reader
from purista.contract.schedule import Schedule
from purista.contract.strict_json import child, parse
from purista.errors import DeclarationError, InvalidPayload, InvalidTimezone, ManifestError

__all__ = ["FORMAT_VERSION", "MAX_SCHEDULES", "Manifest", "ManifestFinding", "load_manifest", "manifest_json_schema"]

FORMAT_VERSION = 1
MAX_SCHEDULES = 10_000
_OUR_KEYS = frozenset({"formatVersion", "digestVersion", "revision", "environment"})
_KEYS = frozenset({"title", "version", "schedules"}) | _OUR_KEYS


@dataclass(frozen=True, slots=True)
class ManifestFinding:
    """What was assumed or passed over while a foreign manifest was read."""

    code: str
    path: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All contracts of an app, ordered by key whatever the order of declaration.

    ``version`` is the author's number for the document, ``revision`` the deployment's (``PURISTA_REVISION``): a higher
    one is newer. ``findings`` come from loading and take no part in equality.
    """

    title: str | None = None
    version: str = "1.0.0"
    schedules: tuple[Schedule, ...] = ()
    format_version: int = FORMAT_VERSION
    revision: int | None = None
    environment: str | None = None
    findings: tuple[ManifestFinding, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "schedules", tuple(sorted(self.schedules, key=_by_key)))

    @property
    def digest(self) -> str:
        """SHA-256, 64 hex digits, over the schedules' digests: equal as long as no contract's meaning changed."""
        return hashlib.sha256("\n".join(digest(schedule) for schedule in self.schedules).encode()).hexdigest()

    def to_json(self) -> str:
        """The document: compact, keys sorted, other scripts as they are. Equal manifests give equal bytes.

        :raises purista.errors.ManifestError: for two schedules of one key, and for what JSON cannot hold.
        """
        _refuse_twins([schedule.key for schedule in self.schedules])
        document: dict[str, Any] = {
            "formatVersion": self.format_version,
            "digestVersion": DIGEST_VERSION,
            "version": self.version,
            "schedules": [to_entry(schedule) for schedule in self.schedules],
        }
        optional = {"title": self.title, "revision": self.revision, "environment": self.environment}
        document.update((key, value) for key, value in optional.items() if value is not None)
        try:
            text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
            text.encode()
        except (TypeError, ValueError, RecursionError) as error:
            msg = f"expected what JSON can hold, got something else ({error})"
            raise ManifestError(msg) from None
        return text


def _by_key(schedule: Schedule) -> tuple[str, str, str]:
    return schedule.service, schedule.version, schedule.name


def _refuse_twins(keys: list[str]) -> None:
    seen: set[str] = set()
    for index, key in enumerate(keys):
        if key in seen:
            msg = f"expected every schedule once, got {key!r} twice; rename one, or give one target another service"
            raise ManifestError(msg, path=f"$.schedules[{index}].name")
        seen.add(key)


def load_manifest(text: str | bytes) -> Manifest:
    """Read a manifest, ours or one that PURISTA in TypeScript exported.

    Strict: an unknown ``formatVersion``, a key twice, a wrong type, an absurd size, an unknown zone or an expression
    that can never be due is refused. In a foreign export (no ``formatVersion``) unknown keys become ``findings`` and a
    cron without a zone gets UTC and a finding; in our own unknown keys are refused: what is not understood would be
    lost.

    :raises purista.errors.ManifestError: with the JSON path of the first offence.
    """
    r = Reader(parse(text), "$")
    foreign = "formatVersion" not in r.value
    if not foreign:
        _check_version(r)
        r.refuse_unknown(_KEYS)
    findings = [
        ManifestFinding("unknown_key", child("$", key), "unknown to purista; passed over") for key in r.unknown(_KEYS)
    ]
    schedules: list[Schedule] = []
    same_digests = r.integer("digestVersion", at_least=1) == DIGEST_VERSION
    for index, entry in enumerate(_entries(r)):
        path = f"$.schedules[{index}]"
        findings += _foreign_keys(entry, path, foreign=foreign)
        schedule, zone_assumed = read_entry(entry, path)
        _check(schedule, entry, path, check_digest=same_digests)
        findings += _assumed(schedule, path, zone_assumed=zone_assumed)
        schedules.append(schedule)
    _refuse_twins([schedule.key for schedule in schedules])
    return _document(r, schedules, findings)


def _entries(r: Reader) -> list[Any]:
    entries = r.value.get("schedules")
    if not isinstance(entries, list):
        r.fail("schedules", "expected a list of schedules, got something else or nothing; write [] for none")
    if len(entries) > MAX_SCHEDULES:
        r.fail("schedules", f"expected at most {MAX_SCHEDULES:,} schedules, got {len(entries):,}")
    return entries


def _assumed(schedule: Schedule, path: str, *, zone_assumed: bool) -> Iterator[ManifestFinding]:
    if zone_assumed:
        message = f"{schedule.key}: a cron expression without a zone; UTC is assumed"
        yield ManifestFinding("zone_assumed", f"{path}.expression.timezone", message)
    if schedule.payload is None and (schedule.idempotency_key or "").startswith("payload"):
        message = f"{schedule.key}: the key points into a payload that this entry does not have; it does nothing"
        yield ManifestFinding("key_without_payload", f"{path}.idempotencyKey", message)


def _document(r: Reader, schedules: list[Schedule], findings: list[ManifestFinding]) -> Manifest:
    environment = r.text("environment")
    return Manifest(
        title=r.text("title"),
        version=r.text("version", needed=True) or "",
        schedules=tuple(schedules),
        revision=r.integer("revision", at_most=2**53 - 1),
        environment=None if environment is None else r.name("environment", "environment"),
        findings=tuple(findings),
    )


def _check_version(r: Reader) -> None:
    version = r.integer("formatVersion", at_least=1)
    if version != FORMAT_VERSION:
        r.fail(
            "formatVersion",
            f"expected {FORMAT_VERSION}, got {version}; read it with the purista that wrote it, or newer",
        )


def _foreign_keys(entry: Any, path: str, *, foreign: bool) -> Iterator[ManifestFinding]:
    r = Reader(entry, path)
    if not foreign:
        r.refuse_unknown(KEYS)
    for key in r.unknown(KEYS):
        yield ManifestFinding("unknown_key", child(path, key), "unknown to purista; passed over")


def _check(schedule: Schedule, entry: dict[str, Any], path: str, *, check_digest: bool) -> None:
    """The parts that need the whole schedule: zone, bounds, names in lists, and whether somebody edited it."""
    try:
        schedule.recurrence()
        for environment in schedule.environments:
            validate_name("environment", environment)
    except InvalidTimezone as error:
        where = f"{path}.timezone" if "timezone" in entry else f"{path}.expression.timezone"
        raise ManifestError(str(error), path=where) from error
    except (DeclarationError, ValueError) as error:
        raise ManifestError(str(error), path=path) from error
    _check_payload(schedule, path)
    if check_digest and entry.get("digest", expected := digest(schedule)) != expected:
        msg = "expected the digest of this entry, got another: it was edited; leave the key out, it is computed"
        raise ManifestError(msg, path=f"{path}.digest")


def _check_payload(schedule: Schedule, path: str) -> None:
    """Templates and sizes, so that nothing fails for the first time when it is due."""
    try:
        compile_template(schedule.payload)
    except InvalidPayload as error:
        raise ManifestError(str(error), path=f"{path}.payload") from error
    for key, value in (("payload", schedule.payload), ("parameter", schedule.parameter)):
        if value is not None and (size := len(dump(value).encode())) > MAX_PAYLOAD_BYTES:
            msg = f"expected at most {MAX_PAYLOAD_BYTES:,} bytes, got {size:,}; write a reference to the data"
            raise ManifestError(msg, path=f"{path}.{key}")


def manifest_json_schema() -> dict[str, Any]:
    """The published JSON Schema (2020-12) of the document."""
    from importlib.resources import files  # noqa: PLC0415 - nobody else needs it

    text = files("purista.contract").joinpath("manifest.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
