"""What a standalone file of DAGs holds beside its entries: it needs Airflow 3 and nothing of ours. This module is that text.

It is read from ``import`` on and written behind the entries (``text.py``), so nothing here may need purista. Only Airflow
loads it."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import secrets
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from airflow.sdk import DAG, BaseOperator, CronTriggerTimetable, MultipleCronTriggerTimetable
from airflow.sdk.exceptions import AirflowException, AirflowFailException

AGAIN = (0, 408, 425, 429, 500, 502, 503, 504)
PATIENCE_S = 60.0


class PuristaCall(BaseOperator):  # type: ignore[misc]
    """Calls the gateway for a run: what is due, what somebody wants now, or what a backfill shall fill."""

    def __init__(self, *, entry: Any, **options: Any) -> None:
        super().__init__(**options)
        self.entry = entry

    def execute(self, context: Any) -> Any:
        """Call until there is an answer, for a minute; then Airflow tries again."""
        entry, run = self.entry, context["dag_run"]
        operation, said = asked(
            str(getattr(run.run_type, "value", run.run_type)), run, context["ti"].try_number, entry["exact"]
        )
        body = json.dumps({"operation": operation, "schedule": entry["schedule"], **said}).encode()
        name, until = "msg_" + secrets.token_hex(16), time.monotonic() + PATIENCE_S
        while True:
            status, told, pause = post(entry, operation, body, name)
            again = status in AGAIN or told.get("answer") == "retry"
            again = again or (told.get("left") is True and not told.get("published"))
            if not again or time.monotonic() + pause > until:
                break
            time.sleep(pause)
        words = f"{entry['schedule']}: {told.get('detail') or told.get('answer') or status}"
        if again:
            raise AirflowException(f"not now: {words}")
        if not 200 <= status < 300 or not ("answer" in told or "slots" in told):
            raise AirflowFailException(f"refused: {words}")
        return told


def asked(run_type: str, run: Any, attempt: int, exact: bool) -> Any:  # noqa: FBT001 - one caller
    """The operation, and what is said with it."""
    if run_type == "scheduled":
        return "trigger", {"attempt": attempt, **({"scheduledAt": iso(run.run_after)} if exact else {})}
    force = {"force": True} if isinstance(run.conf, dict) and run.conf.get("force") is True else {}
    if run_type == "backfill":
        at = run.logical_date or run.run_after
        return "backfill", {"from": iso(at), "to": iso(at + timedelta(milliseconds=1)), "max": 1, **force}
    known = re.fullmatch(r"[\x21-\x7e]{1,100}", run.run_id)
    wish = run.run_id if known else "airflow-" + hashlib.sha256(run.run_id.encode()).hexdigest()[:32]
    return "run", {"request": wish, **force}


def post(entry: Any, operation: str, body: bytes, name: str) -> Any:
    """One attempt: status (0: nobody answered), what was said, and seconds to wait."""
    parts = urlsplit(entry["gateway"])
    path = "/".join(quote(part, safe="") for part in entry["schedule"].split("/", 2))
    made = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    line = made(parts.hostname or "", parts.port, timeout=10)
    try:
        line.request("POST", f"{parts.path.rstrip('/')}/schedules/{path}/{operation}", body, headers(entry, body, name))
        with line.getresponse() as answer:
            text, wanted = answer.read(1_048_576), answer.getheader("retry-after", "")
    except (OSError, http.client.HTTPException) as error:
        return 0, {"detail": str(error)}, 5.0
    finally:
        line.close()
    try:
        told = json.loads(text)
    except ValueError:
        told = {}
    return (
        answer.status,
        told if isinstance(told, dict) else {},
        float(wanted) if re.fullmatch("[0-9]{1,6}", wanted) else 5.0,
    )


def headers(entry: Any, body: bytes, name: str) -> Any:
    """Who calls: a token, or a signature as Standard Webhooks makes it."""
    found = {"content-type": "application/json", "user-agent": "purista"}
    if "token" in entry:
        return {**found, "authorization": "Bearer " + secret_of(entry["token"])}
    key, seconds = secret_of(entry["secret"]), str(int(time.time()))
    raw = base64.b64decode(key.removeprefix("whsec_"))
    signed = hmac.new(raw, f"{name}.{seconds}.".encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(signed).decode()
    return {**found, "webhook-id": name, "webhook-timestamp": seconds, "webhook-signature": signature}


def secret_of(reference: str) -> str:
    """What a reference leads to on this worker."""
    kind, _, place = reference.partition(":")
    try:
        if kind == "env":
            return os.environ[place].strip()
        if kind == "file":
            return Path(place).read_text("utf-8").strip()
        from airflow.sdk import Connection  # noqa: PLC0415 - only who keeps secrets there

        return (Connection.get(place).password or "").strip()
    except (KeyError, OSError) as error:
        raise AirflowFailException(f"expected a secret in {reference}, got: {error!r}") from None


def iso(instant: Any) -> str:
    """An instant as the gateway reads it, to the millisecond."""
    return str(instant.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"))  # noqa: UP017 - Airflow's older Pythons


def moment(seconds: int) -> datetime:
    """Epoch seconds as a datetime."""
    return datetime.fromtimestamp(seconds, timezone.utc)  # noqa: UP017


def timetable(said: Any) -> Any:
    """One of Airflow's own. Never a bare text: what that means is a setting of Airflow's."""
    if len(said["crons"]) == 1:
        return CronTriggerTimetable(said["crons"][0], timezone=said["zone"])
    return MultipleCronTriggerTimetable(*said["crons"], timezone=said["zone"])


def build(entries: Any) -> Any:
    """One DAG for each entry, by their ids."""
    found = {}
    for entry in entries:
        first = max([at for at in (entry["since"], entry.get("start")) if at is not None], default=None)
        made = DAG(
            entry["dag"], schedule=timetable(entry["timetable"]), description=entry["description"], tags=entry["tags"],
            start_date=None if first is None else moment(first),
            end_date=moment(entry["end"] - 1) if entry.get("end") is not None else None,
            catchup=False, max_active_runs=16, is_paused_upon_creation=False,
        )  # fmt: skip
        PuristaCall(
            task_id="call", dag=made, entry=entry, retries=8, retry_delay=timedelta(seconds=30),
            retry_exponential_backoff=True, max_retry_delay=timedelta(minutes=10),
        )  # fmt: skip
        found[entry["dag"]] = made
    return found
