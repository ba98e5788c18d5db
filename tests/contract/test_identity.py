"""Names, keys and occurrence ids against PURISTA's vectors."""

from __future__ import annotations

import pytest

from purista.clock import from_iso
from purista.contract.identity import MAX_NAME, occurrence_id, schedule_key, validate_name
from purista.errors import InvalidSchedule

# (key, scheduled_at, id) as PURISTA in TypeScript computes them
VECTORS = [
    ("user/1/monthlyBillingCycle", "2026-01-01T01:00:00.000Z", "gooJv6Mf1shf42WAQe5PBx0iYK6vEGyInvWbNGpB9jI"),
    ("user/1/monthlyBillingCycle", "2026-02-01T01:00:00.000Z", "krtMr1CJCH-Y8Y1AZm_jKKII2sxMocvpz-WLayPD4Os"),
    ("user/1/monthlyBillingCycle", "2026-07-01T00:00:00.000Z", "trIIS_YcT8iI_cdzSyFb9vuJEr1EMZcKuWxtudTO4BM"),
    ("billing/1/nightly", "2026-03-29T01:30:00.000Z", "rpp_RCNmJnxnfrijx_V-rWOq-QXu59D925wTi_xlCRE"),
    ("UserService/2.1/refresh", "1970-01-01T00:00:00.000Z", "CjHfCDvv6A7vJ6YBnWGn0xRq1K8gYTaTfGGgQnlMPuw"),
    ("unknown/unknown/x", "2026-11-24T03:04:05.678Z", "9anWaN_HEJj64e-RxbwrHi1YF2L8V3jDC3wLyMe6rSk"),
    ("münze/1/täglich", "2026-01-01T00:00:00.000Z", "klyD8H49vZyYht2lVRBhyDNPzcrQjFo5uHj6mpb40dE"),
    ("a/1/b", "2026-12-31T23:59:59.999Z", "4cUmnMD12LEHRRDMyXWp5eoJ7iVCVBpxQJMWbdT4Z8A"),
    ("a/1/b", "2026-12-31T23:59:59.000Z", "Fe21RYKO0f10W8cZncAWN13pUYblKOge0yxHDU6Xmus"),
]


@pytest.mark.parametrize(("key", "at", "expected"), VECTORS)
def test_occurrence_ids_are_puristas(key: str, at: str, expected: str) -> None:
    assert occurrence_id(key, from_iso(at)) == expected


def test_an_instant_before_the_epoch_has_an_id_too() -> None:
    assert len(occurrence_id("a/1/b", -1)) == 43


def test_the_key_joins_service_version_and_name() -> None:
    assert schedule_key("user", "1", "monthly") == "user/1/monthly"


@pytest.mark.parametrize(
    "name", ["a", "monthlyBillingCycle", "billing.cycleDue", "münze", "日本", "a b", "A-1_x", "x" * MAX_NAME, "😀a"]
)
def test_good_names_are_returned(name: str) -> None:
    assert validate_name("schedule", name) is name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "expected a name, got ''"),
        ("  ", "expected a name"),
        (" a", "write 'a'"),
        ("a ", "no blanks around"),
        ("a\nb", "U+000A"),
        ("a\x00b", "U+0000"),
        ("a\x1bb", "U+001B"),
        ("a\u202eb", "U+202E"),
        ("a\u200bb", "U+200B"),
        ("a\u2028b", "U+2028"),
        ("a\ud800b", "U+D800"),
        ("x" * (MAX_NAME + 1), "at most 200 characters, got 201"),
        ("a/b", "write 'a-b'"),
        ("*", "letter or digit"),
        (".", "letter or digit"),
        ("--", "letter or digit"),
        (">", "letter or digit"),
        ("日.本", "NATS"),
        ("日 本", "NATS"),
        (7, "got int"),
        (None, "got NoneType"),
    ],
)
def test_bad_names_are_refused_with_a_reason(name: str, why: str) -> None:
    with pytest.raises(InvalidSchedule, match=r"^schedule: ") as refused:
        validate_name("schedule", name)
    assert why in str(refused.value)
    assert str(refused.value).isascii() or "…" in str(refused.value), "an error text never repeats what it refuses raw"


def test_events_may_have_slashes_but_keys_may_not() -> None:
    assert validate_name("event", "billing/due") == "billing/due"
    for kind in ("service", "version", "schedule"):
        with pytest.raises(InvalidSchedule, match="joins the parts of a key"):
            validate_name(kind, "a/b")
