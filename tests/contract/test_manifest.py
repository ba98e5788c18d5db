"""The manifest: bytes, round trip, foreign exports."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings

from purista.contract import entry, manifest
from purista.contract.digest import digest
from purista.contract.entry import from_entry, to_entry
from purista.contract.manifest import Manifest, load_manifest, manifest_json_schema
from purista.contract.rules import validate
from purista.contract.schedule import ConcurrencyPolicy, MissedRunPolicy, Schedule, Target, TargetKind
from purista.errors import ManifestError
from purista.recurrence import Cron, Interval
from purista.testing.strategies import manifests, schedules

# The fact sheet's bytes of an export from TypeScript.
TYPESCRIPT = (
    '{"schedules":[{"concurrencyPolicy":"forbid","description":"Trigger monthly billing","enabledByDefault":true,'
    '"expression":{"kind":"cron","timezone":"Europe/Berlin","value":"0 2 1 * *"},"idempotencyKey":"payload.cycleId",'
    '"missedRunPolicy":"runOnce","name":"monthlyBillingCycle","targetKind":"event",'
    '"targetName":"billing.monthlyCycleDue","targetServiceName":"user","targetServiceVersion":"1"}],'
    '"title":"Billing schedules","version":"1.0.0"}'
)
VALIDATOR = jsonschema.Draft202012Validator(manifest_json_schema())


def monthly(**options: Any) -> Schedule:
    return Schedule(
        service="user",
        version="1",
        name="monthlyBillingCycle",
        description="Trigger monthly billing",
        expression=Cron("0 2 1 * *"),
        timezone="Europe/Berlin",
        target=Target(TargetKind.EVENT, "billing.monthlyCycleDue", "user", "1"),
        concurrency_policy=ConcurrencyPolicy.FORBID,
        missed_run_policy=MissedRunPolicy.RUN_ONCE,
        idempotency_key="payload.cycleId",
        **options,
    )


def test_an_export_of_typescript_is_read() -> None:
    loaded = load_manifest(TYPESCRIPT)
    assert loaded == Manifest(title="Billing schedules", version="1.0.0", schedules=(monthly(),))
    assert [(f.code, f.path) for f in loaded.findings] == [("key_without_payload", "$.schedules[0].idempotencyKey")]


def test_our_bytes_are_typescripts_but_for_our_additions() -> None:
    written = json.loads(load_manifest(TYPESCRIPT).to_json())
    del written["formatVersion"], written["digestVersion"], written["schedules"][0]["digest"]
    assert json.dumps(written, separators=(",", ":")) == TYPESCRIPT


def test_the_golden_bytes() -> None:
    assert Manifest(
        title="Größe", schedules=(monthly(payload={"cycleId": "{scheduled_at:%Y-%m}"}),), revision=7
    ).to_json() == (
        '{"digestVersion":1,"formatVersion":1,"revision":7,"schedules":[{"concurrencyPolicy":"forbid",'
        '"description":"Trigger monthly billing",'
        '"digest":"' + digest(monthly(payload={"cycleId": "{scheduled_at:%Y-%m}"})) + '",'
        '"enabledByDefault":true,"expression":{"kind":"cron","timezone":"Europe/Berlin","value":"0 2 1 * *"},'
        '"idempotencyKey":"payload.cycleId","missedRunPolicy":"runOnce","name":"monthlyBillingCycle",'
        '"payload":{"cycleId":"{scheduled_at:%Y-%m}"},"targetKind":"event","targetName":"billing.monthlyCycleDue",'
        '"targetServiceName":"user","targetServiceVersion":"1"}],"title":"Größe","version":"1.0.0"}'
    )


def test_code_point_order_is_localecompares_for_every_key_of_the_format() -> None:
    """localeCompare puts case last; where lower-cased keys sort alike, both orders are one."""
    for keys in (entry.KEYS, manifest._KEYS, {"kind", "value", "timezone", "everyMs", "offsetMs", "runAt"}):
        assert sorted(keys) == sorted(keys, key=str.lower)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(manifests())
def test_the_round_trip_is_the_identity(drawn: Manifest) -> None:
    text = drawn.to_json()
    loaded = load_manifest(text)
    assert loaded == drawn
    assert loaded.findings == ()
    assert loaded.to_json() == text
    assert load_manifest(text.encode()) == drawn
    assert loaded.digest == drawn.digest
    VALIDATOR.validate(json.loads(text))


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(schedules())
def test_drawn_schedules_are_legal_and_entries_are_exact(drawn: Schedule) -> None:
    validate(drawn)
    assert from_entry(to_entry(drawn)) == drawn
    assert from_entry(json.loads(json.dumps(to_entry(drawn)))) == drawn


def test_the_order_of_declaration_does_not_show() -> None:
    several = [replace(monthly(), name=f"n{number}") for number in range(20)]
    shuffled = several[:]
    random.Random(1).shuffle(shuffled)
    assert Manifest(schedules=tuple(several)).to_json() == Manifest(schedules=tuple(shuffled)).to_json()


def test_the_manifests_digest_is_about_contracts_only() -> None:
    one = Manifest(schedules=(monthly(),), title="a", revision=1)
    assert one.digest == Manifest(schedules=(monthly(),), title="b", revision=2).digest
    assert one.digest != Manifest(schedules=()).digest


def test_two_schedules_of_one_key_are_not_written() -> None:
    with pytest.raises(ManifestError, match=r"\$\.schedules\[1\]\.name: expected every schedule once"):
        Manifest(schedules=(monthly(), monthly())).to_json()


def foreign(**changes: Any) -> str:
    document = json.loads(TYPESCRIPT)
    del document["schedules"][0]["idempotencyKey"]
    document["schedules"][0].update(changes)
    return json.dumps(document)


def test_a_cron_without_a_zone_gets_utc_and_a_finding() -> None:
    loaded = load_manifest(foreign(expression={"kind": "cron", "value": "0 2 1 * *"}))
    assert loaded.schedules[0].timezone == "UTC"
    assert [(f.code, f.path) for f in loaded.findings] == [("zone_assumed", "$.schedules[0].expression.timezone")]


def test_the_zone_may_stand_beside_the_expression() -> None:
    loaded = load_manifest(foreign(expression={"kind": "cron", "value": "0 2 1 * *"}, timezone="Asia/Tokyo"))
    assert loaded.schedules[0].timezone == "Asia/Tokyo"
    assert loaded.findings == ()


def test_one_zone_twice_is_fine_and_two_are_an_error() -> None:
    assert load_manifest(foreign(timezone="Europe/Berlin")).schedules[0].timezone == "Europe/Berlin"
    with pytest.raises(ManifestError, match=r"\$\.schedules\[0\]\.timezone: expected one zone"):
        load_manifest(foreign(timezone="Asia/Tokyo"))


def test_intervals_and_one_shots_keep_their_zone_for_payloads() -> None:
    loaded = load_manifest(foreign(expression={"kind": "interval", "everyMs": 60_000}, timezone="Asia/Tokyo"))
    assert loaded.schedules[0].timezone == "Asia/Tokyo"
    assert load_manifest(loaded.to_json()) == loaded
    assert load_manifest(foreign(expression={"kind": "interval", "everyMs": 60_000})).findings == ()


def test_unknown_keys_of_a_foreign_export_are_named() -> None:
    document = json.loads(foreign(tenantScoped=True))
    document["generator"] = "x"
    findings = load_manifest(json.dumps(document)).findings
    assert [(f.code, f.path) for f in findings] == [
        ("unknown_key", "$.generator"),
        ("unknown_key", "$.schedules[0].tenantScoped"),
    ]


@pytest.mark.parametrize(
    "zod",
    [
        {"def": {"type": "object", "shape": {"cycleId": {}}}, "type": "object"},
        {"_def": {"typeName": "ZodObject"}},
        {"~standard": {"vendor": "zod", "version": 1}, "type": "object"},
    ],
)
def test_zods_inner_tree_is_recognised_and_refused(zod: dict[str, Any]) -> None:
    with pytest.raises(
        ManifestError, match=r"\$\.schedules\[0\]\.payloadSchema: expected JSON Schema, got zod"
    ) as refused:
        load_manifest(foreign(payloadSchema=zod))
    assert "z.toJSONSchema" in str(refused.value)


def test_a_property_called_def_is_no_zod() -> None:
    schema = {"type": "object", "properties": {"def": {"type": "string"}}}
    assert load_manifest(foreign(payloadSchema=schema)).schedules[0].payload_schema == schema


def test_our_own_unknown_keys_are_refused_with_the_nearest() -> None:
    document = json.loads(Manifest(schedules=(monthly(),)).to_json())
    document["schedules"][0]["runTimeout"] = 5
    with pytest.raises(ManifestError, match=r"\$\.schedules\[0\]\.runTimeout: .*write 'runTimeoutMs'"):
        load_manifest(json.dumps(document))
    document = json.loads(Manifest().to_json()) | {"revison": 1}
    with pytest.raises(ManifestError, match=r"\$\.revison: .*write 'revision'"):
        load_manifest(json.dumps(document))


@pytest.mark.parametrize("version", [2, 0, "1", 1.0, None, True])
def test_an_unknown_format_version_is_refused(version: object) -> None:
    document = json.loads(Manifest().to_json()) | {"formatVersion": version}
    with pytest.raises(ManifestError, match=r"^\$\.formatVersion: expected"):
        load_manifest(json.dumps(document))


def test_an_edited_entry_is_noticed_unless_another_digest_version_wrote_it() -> None:
    document = json.loads(Manifest(schedules=(monthly(),)).to_json())
    document["schedules"][0]["missedRunPolicy"] = "skip"
    with pytest.raises(ManifestError, match=r"^\$\.schedules\[0\]\.digest: .*it was edited"):
        load_manifest(json.dumps(document))
    document["digestVersion"] = 99
    assert load_manifest(json.dumps(document)).schedules[0].missed_run_policy is MissedRunPolicy.SKIP


def test_the_published_schema_is_a_schema_and_takes_a_foreign_export() -> None:
    jsonschema.Draft202012Validator.check_schema(manifest_json_schema())
    VALIDATOR.validate(json.loads(TYPESCRIPT))
    assert not VALIDATOR.is_valid({"formatVersion": 2, "version": "1", "schedules": []})
    assert not VALIDATOR.is_valid({"formatVersion": 1, "version": "1", "schedules": [], "x": 1})


def test_the_published_schema_knows_every_key() -> None:
    schema = manifest_json_schema()
    assert set(schema["$defs"]["schedule"]["properties"]) == entry.KEYS
    assert set(schema["then"]["properties"]["schedules"]["items"]["propertyNames"]["enum"]) == entry.KEYS
    assert set(schema["properties"]) == manifest._KEYS == set(schema["then"]["propertyNames"]["enum"])


def test_a_key_that_is_not_its_targets_is_not_written() -> None:
    with pytest.raises(ManifestError, match="expected the target's service in the key 'other/1/monthlyBillingCycle'"):
        to_entry(replace(monthly(), service="other"))


def test_templates_and_sizes_are_checked_when_loading() -> None:
    with pytest.raises(ManifestError, match=r"^\$\.schedules\[0\]\.payload: payload.a: expected one of scheduled_at"):
        load_manifest(foreign(payload={"a": "{now}"}))
    for key in ("payload", "parameter"):
        with pytest.raises(ManifestError, match=rf"^\$\.schedules\[0\]\.{key}: expected at most 262,144 bytes"):
            load_manifest(foreign(**{key: ["x" * 1000] * 300}))


def test_what_says_nothing_is_left_out() -> None:
    plain = Schedule(
        service="s",
        version="1",
        name="n",
        description="",
        expression=Interval(__import__("datetime").timedelta(minutes=1)),
        target=Target(TargetKind.QUEUE, "q", "s", "1"),
    )
    assert set(to_entry(plain)) == {
        "name", "description", "targetKind", "targetServiceName", "targetServiceVersion", "targetName", "expression",
        "concurrencyPolicy", "missedRunPolicy", "enabledByDefault", "digest",
    }  # fmt: skip
