"""What is written: the API's own schemas, what they miss, files that a person reads, and nothing breaks out of its place."""

from __future__ import annotations

import json
import os
import re
import zoneinfo
from datetime import timedelta
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from purista.errors import DeclarationError
from purista.recurrence import Cron, Interval, OneShot
from purista.schedulers.base import Owner, Severity
from purista.schedulers.kubernetes import KubernetesScheduler
from purista.schedulers.kubernetes.ingress import due_of_job, escaped
from purista.schedulers.kubernetes.robfig import parse_spec
from tests.schedulers.kubernetes.world import NOW, OWNER, dialect, place, schedule

GOLDEN = Path(__file__).parent / "golden"
CONTRACTS = {
    "monthly": [schedule(Cron("0 2 1 * *"), "Europe/Berlin", "monthlyBillingCycle")],
    "clock-change": [schedule(Cron("30 2 * * *"), "Europe/Berlin", "nightly")],
    "interval": [schedule(Interval(timedelta(minutes=45)), "UTC", "threeQuarters"), schedule(Interval(90), "UTC", "late")],
    "one-shot": [schedule(OneShot("2026-10-25T00:30:00Z"), "UTC", "once")],
    "nasty-names": [
        schedule(Cron("0 5 * * *"), "UTC", name)
        for name in ("100%", "it's", "$(PATH)", "$$(id)", "a: b", "日本", "--sweep", "#x", "{a}", "!!python/x", "x" * 80)
    ],
}  # fmt: skip


def objects(contracts: str, **options: Any) -> list[dict[str, Any]]:
    made = dialect(**options)
    (text,) = made.render(OWNER, made.compile(OWNER, CONTRACTS[contracts])).values()
    return list(yaml.safe_load_all(text))


@pytest.mark.parametrize("contracts", sorted(CONTRACTS))
def test_the_text_is_the_one_that_was_reviewed(contracts: str) -> None:
    """``PURISTA_GOLDEN=write`` writes it; the difference is reviewed like code."""
    made = dialect(namespace="shop")
    (text,) = made.render(OWNER, made.compile(OWNER, CONTRACTS[contracts])).values()
    path = GOLDEN / f"{contracts}.yaml"
    if os.environ.get("PURISTA_GOLDEN") == "write":
        path.write_text(text, "utf-8")
    assert path.read_text("utf-8") == text


@pytest.mark.parametrize("contracts", sorted(CONTRACTS))
def test_the_apis_own_schema_takes_it_strictly(contracts: str) -> None:
    for one in objects(contracts):
        kubernetes_validate.validate(one, "1.33", strict=True)


@pytest.mark.parametrize("contracts", sorted(CONTRACTS))
def test_what_schemas_miss_holds_too(contracts: str) -> None:
    made = objects(contracts, namespace="shop")
    names = [one["metadata"]["name"] for one in made]
    assert len(set(names)) == len(names)
    for one in made:
        about, spec = one["metadata"], one["spec"]
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?", about["name"])
        parse_spec(spec["schedule"])
        assert "TZ" not in spec["schedule"]
        assert spec["timeZone"] in zoneinfo.available_timezones()
        assert spec["concurrencyPolicy"] == "Allow"
        assert "suspend" not in spec
        assert spec["jobTemplate"]["spec"]["template"]["spec"]["restartPolicy"] == "Never"
        for value in about["labels"].values():
            assert re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", value)


def test_a_name_depends_on_its_own_schedule_only() -> None:
    alone = objects("monthly")[0]["metadata"]["name"]
    both = dialect().compile(OWNER, [*CONTRACTS["clock-change"], *CONTRACTS["monthly"]])
    assert alone in {entry.name for entry in both.entries}
    other = dialect().compile(Owner("user", "staging", ""), CONTRACTS["monthly"])
    assert other.entries[0].name != alone


def expanded(text: str, variables: dict[str, str]) -> str:
    """What the kubelet makes of an argument (``third_party/forked/golang/expansion``)."""
    return re.sub(r"\$(?:\$|\(([^)]*)\))", lambda m: "$" if m[0] == "$$" else variables.get(m[1], m[0]), text)


def test_keys_reach_purista_as_they_are() -> None:
    for one, wanted in zip(objects("nasty-names"), sorted(s.key for s in CONTRACTS["nasty-names"]), strict=True):
        container = one["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
        said = [
            expanded(part, {"PURISTA_JOB": "x-29733960", "PATH": "/bin", "id": "0"}) for part in container["command"]
        ]
        assert said[-3:] == ["--job=x-29733960", "--", wanted]
        assert one["metadata"]["annotations"]["purista.dev/schedule"] == wanted


@pytest.mark.parametrize("text", ["$", "$$", "$(A)", "$$(A)", "a$b$", "$($(A))"])
def test_a_dollar_is_a_dollar(text: str) -> None:
    assert expanded(escaped(text), {"A": "secret"}) == text


def test_the_digest_is_of_the_meaning() -> None:
    first, again = (dialect().compile(OWNER, CONTRACTS["monthly"]).entries[0] for _ in range(2))
    assert first == again
    moved = dialect(gateway="http://other:8080").compile(OWNER, CONTRACTS["monthly"]).entries[0]
    assert (moved.name, moved.digest != first.digest) == (first.name, True)
    assert json.loads(first.body)["metadata"]["annotations"]["purista.dev/digest"] == first.digest


def test_nothing_to_call_is_no_file() -> None:
    made = dialect()
    assert dict(made.render(OWNER, made.compile(OWNER, []))) == {}


@pytest.mark.parametrize(
    ("name", "due"),
    [
        ("nightly-purista-0a1b2c3d-29733960", 29_733_960 * 60_000),
        ("nightly-purista-0a1b2c3d-manual-x7f", None),
        ("nightly-manual-001", None),
        ("29733960", None),
        ("a-999999999999", None),
        ("a-١٢٣٤٥٦٧٨", None),
        ("", None),
    ],
)
def test_a_jobs_name_tells_when_it_was_due(name: str, due: int | None) -> None:
    assert due_of_job(name) == due


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"secret": None}, "expected secret= or token=, got none"),
        ({"token": "a/b"}, "got both"),
        ({"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, "the name and the key of a Secret"),
        ({"gateway": "gateway:8080"}, "gateway"),
        ({"image": "shop:1 --privileged"}, "image"),
        ({"namespace": "Shop"}, "namespace"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], words: str) -> None:
    usual = {"image": "shop:1", "gateway": "http://gateway:8080", "secret": "purista-gateway/scheduler"}
    with pytest.raises(DeclarationError, match=words) as told:
        KubernetesScheduler(**{**usual, **options})
    assert "whsec_" not in str(told.value)


def test_no_secret_is_written() -> None:
    files = KubernetesScheduler(image="shop:1", gateway="http://gateway:8080", token="purista-gateway/token")
    compiled = files.at(NOW).dialect.compile(OWNER, CONTRACTS["monthly"])
    command = json.loads(compiled.entries[0].body)["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0][
        "command"
    ]
    assert command[3:6] == ["http://gateway:8080", "--token", "file:/run/secrets/purista/token"]


def test_findings_of_the_files_say_who_makes_up_for_what_is_missed() -> None:
    (finding,) = [f for f in dialect().compile(OWNER, CONTRACTS["monthly"]).findings if f.severity is Severity.INFO]
    assert finding.code == "K112"
    assert place().until > NOW
