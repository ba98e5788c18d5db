"""What Prometheus scrapes: how far each schedule is behind, and counts; only by whoever may, and only what they may see."""

from __future__ import annotations

import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from purista import metrics
from purista.auth.grant import Scope
from purista.telemetry import sending, working
from tests.gateway.http.door import KEY, NARROW, TOKEN, bearer, door


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Meters are one set a process; a test has its own."""
    monkeypatch.setattr(metrics, "_meters", None)


def read(text: str) -> dict[tuple[str, ...], float]:
    """By name and the values of the labels, as Prometheus reads them."""
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_calls_are_counted_and_lag_is_shown():
    async with door() as d:
        d.house.at("11:00:01")
        assert (await d.trigger(id="a")).status_code == 202
        assert (await d.trigger(id="b", scheduledAt="2026-06-01T11:00:00Z")).status_code == 200
        d.house.at("13:00:00")
        answer = await d.bear(TOKEN, "/metrics", method="GET")
        assert answer.headers["content-type"] == metrics.CONTENT_TYPE
        found = read(answer.text)
        assert found["purista_calls_total", "accepted"] == 1
        assert found["purista_calls_total", "duplicate"] == 1
        assert found["purista_overdue_seconds", "default", KEY] >= 3_600
        assert sys.platform != "linux" or found["process_resident_memory_bytes",] > 0


async def test_only_who_may_sees_and_only_what_he_may():
    scraper = bearer("scraper-0123456789-abcdefghijklmnopqrstu", id="prometheus", scopes=[Scope.METRICS])
    other = bearer("othersc-0123456789-abcdefghijklmnopqrstu", id="other", schedules=("o/*",), scopes=[Scope.METRICS])
    async with door(credentials=(scraper, other, bearer(NARROW, id="narrow", scopes=[Scope.TRIGGER]))) as d:
        assert (await d.client.get("/metrics")).status_code == 401
        assert (await d.bear(NARROW, "/metrics", method="GET")).status_code == 403
        assert KEY in (await d.bear("scraper-0123456789-abcdefghijklmnopqrstu", "/metrics", method="GET")).text
        told = (await d.bear("othersc-0123456789-abcdefghijklmnopqrstu", "/metrics", method="GET")).text
        assert KEY not in told
        assert {name for name, *_ in read(told)} <= {"purista_overdue_seconds"}, "counters name everybody's handlers"


async def test_without_the_library_the_lag_is_still_shown(monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    async with door() as d:
        await d.trigger()
        found = read((await d.bear(TOKEN, "/metrics", method="GET")).text)
        assert {name for name, *_ in found} == {"purista_overdue_seconds"}


def test_messages_and_work_are_counted_with_and_without_tracing(monkeypatch):
    from purista import telemetry

    assert metrics.enable()
    message = {"id": "1", "eventName": "due"}
    for api in (telemetry._api(), None):
        monkeypatch.setattr(telemetry, "_api", lambda api=api: api)
        with sending([dict(message), dict(message)]) as failures:
            failures[0] = "not confirmed"
        with working(message, "sub:s/1/x", 1) as work:
            work.outcome = "finished"
    found = read(metrics.text())
    assert (found["purista_messages_sent_total",], found["purista_messages_failed_total",]) == (2, 2)
    assert found["purista_work_duration_seconds_count", "finished", "sub:s/1/x"] == 2


def test_nothing_counts_before_it_is_enabled():
    metrics.add("calls", 1, {"answer": "accepted"})
    metrics.worked(1.0, "a", "finished")
    assert metrics.text() == ""
