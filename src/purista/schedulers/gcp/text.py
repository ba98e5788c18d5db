"""A job as the API's own JSON, its name, its mark, the digest of its meaning; and jobs as Terraform JSON for review."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from purista.schedulers.base import Owner
from purista.schedulers.gcp.cover import Line
from purista.schedulers.gcp.ingress import SCHEDULE, SWEEP, address
from purista.schedulers.gcp.place import Door, Place, Topic

__all__ = ["Mark", "digest_of", "job", "job_id", "ledger_of", "mark_of", "meaning", "owner_mark", "terraform"]

DESCRIPTION_LIMIT = 500
SLUG = 60
_MARK = re.compile(r"\[purista owner=([0-9a-f]{16})(?: ledger=([0-9A-Za-z-]{1,64}))? digest=([0-9a-f]{32})\]\Z")
_THEIRS = re.compile(r"user-agent|content-length|x-cloudscheduler.*|x-google.*|x-appengine.*", re.IGNORECASE)
"""Headers that Cloud Scheduler sets or replaces itself."""
RETRIES = {
    "retryCount": 0,
    "maxRetryDuration": "0s",
    "minBackoffDuration": "5s",
    "maxBackoffDuration": "3600s",
    "maxDoublings": 5,
}
"""What is not said means this."""
Mark = tuple[str, str]
"""Whose a job is, and the digest of what was written."""


def owner_mark(owner: Owner) -> str:
    """Tells owners apart, whatever they are called."""
    return _hash(owner.environment, owner.service, length=16)


def job_id(owner: Owner, key: str, number: int) -> str:
    """At most 100 characters, with a hash of what it stands for: neither order nor neighbours change it."""
    slug = re.sub(r"[^a-z0-9]+", "-", key.rpartition("/")[2].lower()).strip("-")[:SLUG].strip("-")
    return f"purista-{slug or 'schedule'}-{_hash(owner.environment, owner.service, key, str(number))}"


def job(place: Place, owner: Owner, name: str, key: str | None, line: Line) -> dict[str, Any]:
    """The whole job; ``key`` None is a sweep. Everything that has a default is written, so that it can be compared."""
    retries = place.retries
    made: dict[str, Any] = {
        "name": f"{place.parent}/jobs/{name}", "schedule": line.schedule, "timeZone": line.zone,
        "retryConfig": {
            "retryCount": retries.count, "maxRetryDuration": "0s", "minBackoffDuration": f"{retries.least_s}s",
            "maxBackoffDuration": f"{retries.most_s}s", "maxDoublings": retries.doublings,
        },
        **_target(place, key),
    }  # fmt: skip
    made["description"] = _description(owner, key, digest_of(made))
    return made


def _target(place: Place, key: str | None) -> dict[str, Any]:
    if isinstance(place.target, Topic):
        attributes = {SWEEP: "all"} if key is None else {SCHEDULE: key}
        topic = f"projects/{place.project}/topics/{place.target.name}"
        return {"pubsubTarget": {"topicName": topic, "attributes": attributes}}
    door: Door = place.target
    return {
        "httpTarget": {
            "uri": address(door.gateway, str(key)), "httpMethod": "POST", "headers": {"Content-Type": "application/json"},
            "body": b64encode(b"{}").decode("ascii"),
            "oidcToken": {"serviceAccountEmail": door.account, "audience": door.audience},
        },
        "attemptDeadline": f"{place.deadline_s}s",
    }  # fmt: skip


def _description(owner: Owner, key: str | None, digest: str) -> str:
    """For people in front, cut where it must be; the mark at the end is whole."""
    ledger = f" ledger={owner.ledger_id}" if owner.ledger_id else ""
    mark = f"[purista owner={owner_mark(owner)}{ledger} digest={digest}]"
    what = f"sweep of {owner.service}" if key is None else key
    words = "".join(
        c if c.isprintable() else "?" for c in f"{what} ({owner.environment}). Made by purista; edit the code."
    )
    return f"{words[: DESCRIPTION_LIMIT - len(mark) - 1]} {mark}"


def mark_of(found: Mapping[str, Any]) -> Mark | None:
    """The mark that a live job carries; None where it is somebody else's, or somebody removed it."""
    read = _MARK.search(found.get("description", ""))
    return None if read is None else (read[1], read[3])


def ledger_of(found: Mapping[str, Any]) -> str:
    """Whose decisions a live job calls for; empty where the mark names no ledger."""
    read = _MARK.search(found.get("description", ""))
    return "" if read is None else read[2] or ""


def digest_of(found: Mapping[str, Any]) -> str:
    """Of its meaning: the order of keys does not matter."""
    return hashlib.sha256(json.dumps(meaning(found), sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def meaning(found: Mapping[str, Any]) -> dict[str, Any]:
    """What a job does, of ours or read back, without what Cloud Scheduler adds."""
    kept: dict[str, Any] = {name: found.get(name, "") for name in ("name", "schedule", "timeZone")}
    kept["retryConfig"] = RETRIES | dict(found.get("retryConfig") or {})
    for name in ("pubsubTarget", "appEngineHttpTarget"):
        if name in found:
            kept[name] = {inner: value for inner, value in found[name].items() if value}
    if "httpTarget" in found:
        target = {inner: value for inner, value in found["httpTarget"].items() if value}
        headers = target.get("headers") or {}
        target["headers"] = {name.lower(): value for name, value in headers.items() if not _THEIRS.fullmatch(name)}
        kept |= {"httpTarget": target, "attemptDeadline": found.get("attemptDeadline", "")}
    return kept


def terraform(place: Place, jobs: Sequence[Mapping[str, Any]]) -> str:
    """As a file ``….tf.json`` of ``google_cloud_scheduler_job``. Every text is escaped: to Terraform ``${`` is a template."""
    resources = {str(one["name"]).rpartition("/")[2]: _resource(place, one) for one in jobs}
    return json.dumps({"resource": {"google_cloud_scheduler_job": resources}}, indent=2, ensure_ascii=False) + "\n"


def _resource(place: Place, one: Mapping[str, Any]) -> dict[str, Any]:
    retries = one["retryConfig"]
    made: dict[str, Any] = {
        "name": one["name"].rpartition("/")[2], "project": place.project, "region": place.location,
        "description": one["description"], "schedule": one["schedule"], "time_zone": one["timeZone"],
        "retry_config": {
            "retry_count": retries["retryCount"], "max_retry_duration": retries["maxRetryDuration"],
            "min_backoff_duration": retries["minBackoffDuration"], "max_backoff_duration": retries["maxBackoffDuration"],
            "max_doublings": retries["maxDoublings"],
        },
    }  # fmt: skip
    if "pubsubTarget" in one:
        target = one["pubsubTarget"]
        made["pubsub_target"] = {"topic_name": target["topicName"], "attributes": target["attributes"]}
    else:
        target, token = one["httpTarget"], one["httpTarget"]["oidcToken"]
        made["attempt_deadline"] = one["attemptDeadline"]
        made["http_target"] = {
            "uri": target["uri"], "http_method": target["httpMethod"], "headers": target["headers"], "body": target["body"],
            "oidc_token": {"service_account_email": token["serviceAccountEmail"], "audience": token["audience"]},
        }  # fmt: skip
    plain: dict[str, Any] = _escaped(made)
    plain["lifecycle"] = {"ignore_changes": ["paused"]}  # a pause made by a person stays
    return plain


def _escaped(value: Any) -> Any:
    if isinstance(value, dict):
        return {_escaped(name): _escaped(inner) for name, inner in value.items()}
    return re.sub(r"[$%](?=\{)", r"\g<0>\g<0>", value) if isinstance(value, str) else value


def _hash(*parts: str, length: int = 12) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:length]
