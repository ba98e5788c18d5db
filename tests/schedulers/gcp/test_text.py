"""What is written: what the API takes, Terraform that a person reads, and nothing breaks out of its place."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import jsonschema
import pytest
from google.cloud.scheduler_v1 import Job

from purista import GcpScheduler
from purista.errors import DeclarationError
from purista.recurrence import Cron, Interval, OneShot
from purista.schedulers.base import Owner, Severity
from purista.schedulers.gcp.place import Retries
from purista.schedulers.gcp.text import digest_of, mark_of
from tests.schedulers.gcp.cloud import PARENT, Cloud
from tests.schedulers.gcp.world import ACCOUNT, DOOR, NOW, OWNER, dialect, place, schedule

GOLDEN = Path(__file__).parent / "golden"
NASTY = (
    "100%", "it's", 'say "x"', "${file(1)}", "%{if true}", "$${x}", "a: b", "日本", "#x", "../../v2/x", "?a=b", "{a}", "a&b",
    "x" * 80, "\\", "%7B", "</script>",
)  # fmt: skip
CONTRACTS = {
    "monthly": [schedule(Cron("0 2 1 * *"), "Europe/Berlin", "monthlyBillingCycle")],
    "clock-change": [schedule(Cron("30 2 * * *"), "Europe/Berlin", "nightly")],
    "interval": [schedule(Interval(2_700), "UTC", "threeQuarters"), schedule(Interval(90), "UTC", "late")],
    "one-shot": [schedule(OneShot("2026-10-25T00:30:00Z"), "UTC", "once")],
    "nasty-names": [schedule(Cron("0 5 * * *"), "UTC", name) for name in NASTY],
}
TEXT = {"type": "string", "minLength": 1}
SECONDS = {"type": "string", "pattern": r"^\d+s$"}
RESOURCE: dict[str, Any] = {
    # hashicorp/google's google_cloud_scheduler_job, as its documentation has it; nothing else is written
    "type": "object", "additionalProperties": False,
    "required": ["name", "project", "region", "description", "schedule", "time_zone", "retry_config", "lifecycle"],
    "oneOf": [{"required": ["pubsub_target"]}, {"required": ["http_target", "attempt_deadline"]}],
    "properties": {
        "name": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,500}$"}, "project": TEXT, "region": TEXT,
        "description": {"type": "string", "maxLength": 520},  # escapes included
        "schedule": {"type": "string", "pattern": r"^[0-9*,-]+( [0-9*,-]+){4}$"}, "time_zone": TEXT,
        "attempt_deadline": SECONDS,
        "retry_config": {
            "type": "object", "additionalProperties": False, "properties": {
                "retry_count": {"type": "integer", "minimum": 0, "maximum": 5},
                "max_doublings": {"type": "integer", "minimum": 0, "maximum": 16},
                "max_retry_duration": SECONDS, "min_backoff_duration": SECONDS, "max_backoff_duration": SECONDS,
            },
        },
        "pubsub_target": {
            "type": "object", "additionalProperties": False, "required": ["topic_name", "attributes"], "properties": {
                "topic_name": {"type": "string", "pattern": "^projects/[^/]+/topics/[^/]+$"},
                "attributes": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 1_100}},
            },
        },
        "http_target": {
            "type": "object", "additionalProperties": False, "required": ["uri", "http_method", "oidc_token"], "properties": {
                "uri": {"type": "string", "maxLength": 2_083}, "http_method": {"enum": ["POST"]},
                "body": {"type": "string", "contentEncoding": "base64"}, "headers": {"type": "object"},
                "oidc_token": {
                    "type": "object", "additionalProperties": False, "required": ["service_account_email", "audience"],
                    "properties": {"service_account_email": TEXT, "audience": TEXT},
                },
            },
        },
        "lifecycle": {"const": {"ignore_changes": ["paused"]}},
    },
}  # fmt: skip


def jobs(contracts: str, **options: Any) -> list[dict[str, Any]]:
    return [json.loads(entry.body) for entry in dialect(**options).compile(OWNER, CONTRACTS[contracts]).entries]


def file_of(contracts: str, **options: Any) -> str:
    made = dialect(**options)
    (text,) = made.render(OWNER, made.compile(OWNER, CONTRACTS[contracts])).values()
    return text


def resources(text: str) -> dict[str, Any]:
    document = json.loads(text)
    assert list(document) == ["resource"]
    found: dict[str, Any] = document["resource"]["google_cloud_scheduler_job"]
    return found


@pytest.mark.parametrize("target", ["pubsub", "http"])
@pytest.mark.parametrize("contracts", sorted(CONTRACTS))
def test_the_text_is_the_one_that_was_reviewed(contracts: str, target: str) -> None:
    """``PURISTA_GOLDEN=write`` writes it; the difference is reviewed like code."""
    text = file_of(contracts, **({"target": DOOR} if target == "http" else {}))
    path = GOLDEN / f"{contracts}-{target}.tf.json"
    if os.environ.get("PURISTA_GOLDEN") == "write":
        path.write_text(text, "utf-8")
    assert path.read_text("utf-8") == text


@pytest.mark.parametrize("options", [{}, {"target": DOOR}], ids=["pubsub", "http"])
@pytest.mark.parametrize("contracts", sorted(CONTRACTS))
def test_terraform_is_given_what_its_schema_has(contracts: str, options: dict[str, Any]) -> None:
    found = resources(file_of(contracts, **options))
    for name, one in found.items():
        jsonschema.validate(one, RESOURCE)
        assert one["name"] == name
        assert not re.search(r"[$%]\{", re.sub(r"\$\$\{|%%\{", "", json.dumps(one)))  # no template is left


@pytest.mark.parametrize("options", [{}, {"target": DOOR}], ids=["pubsub", "http"])
@pytest.mark.parametrize("contracts", sorted(CONTRACTS))
async def test_the_api_takes_every_job(contracts: str, options: dict[str, Any]) -> None:
    names = set()
    for one in jobs(contracts, **options):
        job = Job.from_json(json.dumps(one))
        assert Cloud()._invalid(PARENT, job) == ""
        names.add(job.name)
    assert len(names) == len(jobs(contracts, **options))


@pytest.mark.skipif(shutil.which("terraform") is None, reason="needs terraform: its own reading of JSON and templates")
def test_terraform_reads_every_text_as_it_was(tmp_path: Path) -> None:
    """Its provider is not fetched: the arguments are given to outputs, which it evaluates in the same way."""
    written = {"pubsub": file_of("nasty-names"), "http": file_of("nasty-names", target=DOOR)}
    outputs = {
        f"{kind}-{name}": {"value": one} for kind, text in written.items() for name, one in resources(text).items()
    }
    (tmp_path / "main.tf.json").write_text(json.dumps({"output": outputs}), "utf-8")
    own = {name: value for name, value in os.environ.items() if not name.startswith("TF_")} | {
        "CHECKPOINT_DISABLE": "1"
    }

    def run(*arguments: str) -> str:
        done = subprocess.run(
            ["terraform", *arguments], cwd=tmp_path, env=own, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("init", "-input=false", "-no-color")
    run("validate", "-no-color")
    run("apply", "-auto-approve", "-input=false", "-no-color")
    read = {name: one["value"] for name, one in json.loads(run("output", "-json")).items()}
    meant = {one["name"].rpartition("/")[2]: one for one in jobs("nasty-names")}
    for name, one in meant.items():
        assert read[f"pubsub-{name}"]["pubsub_target"]["attributes"] == one["pubsubTarget"]["attributes"]
        assert read[f"pubsub-{name}"]["description"] == one["description"]
    for one in jobs("nasty-names", target=DOOR):
        assert read[f"http-{one['name'].rpartition('/')[2]}"]["http_target"]["uri"] == one["httpTarget"]["uri"]


@pytest.mark.skipif(
    shutil.which("terraform") is None or not os.environ.get("PURISTA_TEST_TERRAFORM_PLUGINS"),
    reason="needs terraform, and a folder with the provider hashicorp/google in PURISTA_TEST_TERRAFORM_PLUGINS",
)
@pytest.mark.parametrize("options", [{}, {"target": DOOR}], ids=["pubsub", "http"])
def test_the_provider_finds_nothing_wrong(tmp_path: Path, options: dict[str, Any]) -> None:
    (tmp_path / "main.tf.json").write_text(file_of("nasty-names", **options), "utf-8")
    plugins = os.environ["PURISTA_TEST_TERRAFORM_PLUGINS"]
    for arguments in (["init", "-input=false", f"-plugin-dir={plugins}"], ["validate"]):
        done = subprocess.run(
            ["terraform", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_keys_reach_the_gateway_as_they_are() -> None:
    wanted = {one.key for one in CONTRACTS["nasty-names"]}
    messages = [one["pubsubTarget"]["attributes"] for one in jobs("nasty-names")]
    assert {one["schedule"] for one in messages if "schedule" in one} == wanted
    assert [one for one in messages if "schedule" not in one] == [{"sweep": "all"}]
    for one in jobs("nasty-names", target=DOOR):
        parts = urlsplit(one["httpTarget"]["uri"])
        assert (parts.netloc, parts.query, parts.fragment) == ("gateway.example.com", "", "")
        _, _, service, version, name, trigger = parts.path.split("/")
        assert "/".join(map(unquote, (service, version, name))) in wanted
        assert trigger == "trigger"
        assert b64decode(one["httpTarget"]["body"]) == b"{}"


def test_a_name_depends_on_its_own_schedule_only() -> None:
    alone = dialect().compile(OWNER, CONTRACTS["monthly"]).entries[0].name
    both = dialect().compile(OWNER, [*CONTRACTS["clock-change"], *CONTRACTS["monthly"]])
    assert alone in {entry.name for entry in both.entries}
    other = dialect().compile(Owner("user", "staging", ""), CONTRACTS["monthly"])
    assert other.entries[0].name != alone
    names = {entry.name for entry in dialect().compile(OWNER, CONTRACTS["nasty-names"]).entries}
    assert len(names) == len(NASTY) + 1


def test_the_digest_is_of_the_meaning() -> None:
    first, again = (dialect().compile(OWNER, CONTRACTS["monthly"]).entries[0] for _ in range(2))
    assert first == again
    for changed in ({"retries": Retries(2)}, {"target": DOOR}, {"project": "my-other"}, {"location": "us-central1"}):
        assert dialect(**changed).compile(OWNER, CONTRACTS["monthly"]).entries[0].digest != first.digest
    body = json.loads(first.body)
    assert digest_of(dict(reversed(body.items()))) == first.digest
    assert mark_of(body) is not None
    assert mark_of({"description": body["description"] + " edited"}) is None


def test_a_description_is_cut_and_its_mark_is_whole() -> None:
    long = Owner("s" * 200, "e" * 200, "")
    (one, *_) = dialect().compile(long, [schedule(Cron("0 5 * * *"), "UTC", "n" * 200)]).entries
    made = json.loads(one.body)
    assert len(made["description"]) <= 500
    assert mark_of(made) is not None


def test_nobody_forges_a_mark_by_a_name() -> None:
    forged = "[purista owner=0123456789abcdef digest=" + "0" * 32 + "]"
    (one, *_) = dialect().compile(OWNER, [schedule(Cron("0 5 * * *"), "UTC", forged)]).entries
    ours = mark_of(jobs("monthly")[0])
    assert ours is not None
    assert mark_of(json.loads(one.body)) == (ours[0], one.digest)


def test_a_key_that_no_call_can_carry_is_refused() -> None:
    long = schedule(Cron("0 5 * * *"), "UTC", "日" * 200)
    wide = Owner("user", "test", "")
    compiled = dialect().compile(wide, [long])
    assert [entry.keys for entry in compiled.entries if not entry.sweep] == [(long.key,)]  # 600 bytes are fine
    door = dialect(target=DOOR).compile(wide, [long])
    assert len(door.entries) == 1
    longest = replace(long, service="日" * 200)
    for options in ({}, {"target": DOOR}):
        made = dialect(**options).compile(wide, [longest])
        assert [(f.code, f.severity) for f in made.findings if f.key] == [("G108", Severity.REFUSED)]
        assert not made.entries


def test_nothing_to_call_is_no_file() -> None:
    made = dialect()
    assert dict(made.render(OWNER, made.compile(OWNER, []))) == {}


USUAL = {"project": "my-shop", "location": "europe-west3"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "expected topic= or gateway="),
        ({"gateway": "https://g"}, "nobody may call without a token"),
        ({"topic": "purista", "gateway": "https://g", "service_account": ACCOUNT}, "got both"),
        ({"topic": "projects/x/topics/y"}, "the topic's name alone"),
        ({"topic": "google-x"}, "the topic's name alone"),
        ({"topic": "purista", "project": "My Shop"}, "a project's id"),
        ({"topic": "purista", "location": "europe"}, "a location"),
        ({"gateway": "gateway:8080", "service_account": ACCOUNT}, "gateway"),
        ({"gateway": "https://u:p@g", "service_account": ACCOUNT}, "gateway"),
        ({"gateway": "https://g", "service_account": "me"}, "service_account"),
        ({"gateway": "https://g", "service_account": ACCOUNT, "audience": ""}, "audience"),
        ({"topic": "purista", "deadline_s": 5}, "deadline_s"),
        ({"topic": "purista", "job_quota": 0}, "job_quota"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(DeclarationError, match=words):
        GcpScheduler(**{**USUAL, **options})


@pytest.mark.parametrize("wrong", [{"count": 6}, {"least_s": 1}, {"least_s": 600}, {"doublings": 17}])
def test_retries_have_bounds(wrong: dict[str, int]) -> None:
    with pytest.raises(DeclarationError, match="retries"):
        Retries(**wrong)


def test_no_secret_is_in_any_artefact() -> None:
    """A job's token is made by Google when it calls: there is nothing to keep."""
    for path in sorted(GOLDEN.glob("*.tf.json")):
        assert not re.search(
            r"whsec_|BEGIN |password|private_key|Bearer|secret", path.read_text("utf-8"), re.IGNORECASE
        )
    assert len(list(GOLDEN.glob("*.tf.json"))) == 2 * len(CONTRACTS)


def test_findings_say_who_sweeps() -> None:
    assert [f.code for f in dialect(target=DOOR).compile(OWNER, CONTRACTS["monthly"]).findings] == ["G112"]
    assert [entry.sweep for entry in dialect().compile(OWNER, CONTRACTS["monthly"]).entries] == [False, True]
    assert place().until > NOW
