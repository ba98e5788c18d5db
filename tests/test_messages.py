# ruff: noqa: E501 - messages as they are on the wire
"""PURISTA's messages, byte for byte as its TypeScript writes them (the same fields; no reader depends on their order)."""

from __future__ import annotations

import json

import pytest

from purista.messages import (
    Address,
    Message,
    RunInfo,
    ScheduleInfo,
    command,
    command_error,
    command_success,
    custom_message,
    dump,
    job,
    job_id,
    load,
    run_of,
    schedule_of,
)

EVENT = """{"id":"03270cf7c0f513109ea990bafab41349","timestamp":1767229200120,"messageType":"customMessage","contentType":"application/json","contentEncoding":"utf-8","sender":{"serviceName":"user","serviceVersion":"1","serviceTarget":"monthlyBillingCycle","instanceId":"476d2098b9ababa30f13cbe3d39374ca"},"eventName":"billing.monthlyCycleDue","payload":{"cycleId":"2026-01"},"otp":"{}","schedule":{"scheduleKey":"user/1/monthlyBillingCycle","scheduleName":"monthlyBillingCycle","occurrenceId":"gooJv6Mf1shf42WAQe5PBx0iYK6vEGyInvWbNGpB9jI","scheduledAt":"2026-01-01T01:00:00.000Z","firedAt":"2026-01-01T01:00:00.120Z","attempt":1}}"""
COMMAND = """{"id":"59c6fdb4fded4f1a8711986316b39a1b","timestamp":1767229200120,"messageType":"command","contentType":"application/json","contentEncoding":"utf-8","correlationId":"fe43d3b71a4b42ae8b5d4b4fe8730a76","sender":{"serviceName":"pyService","serviceVersion":"1","serviceTarget":"gateway","instanceId":"dc0c2372b88e4ddabff5391d3ae155b4"},"receiver":{"serviceName":"UserService","serviceVersion":"2.1","serviceTarget":"cleanUp"},"payload":{"payload":{"days":30},"parameter":{}},"tenantId":"acme","otp":"{}"}"""
SUCCESS = """{"id":"59c6fdb4fded4f1a8711986316b39a1b","correlationId":"fe43d3b71a4b42ae8b5d4b4fe8730a76","traceId":"2202cf85319f2e1db681d74a8b7c1a18","tenantId":"acme","contentType":"application/json","contentEncoding":"utf-8","timestamp":1767229200130,"messageType":"commandSuccessResponse","sender":{"serviceName":"UserService","serviceVersion":"2.1","serviceTarget":"cleanUp","instanceId":"5cb7d075b45f4c3a6c27190978200b40"},"receiver":{"serviceName":"pyService","serviceVersion":"1","serviceTarget":"gateway","instanceId":"dc0c2372b88e4ddabff5391d3ae155b4"},"payload":{"deleted":12},"otp":"{}"}"""
FAILURE = """{"id":"59c6fdb4fded4f1a8711986316b39a1b","isHandledError":true,"traceId":"2202cf85319f2e1db681d74a8b7c1a18","tenantId":"acme","contentType":"application/json","contentEncoding":"utf-8","correlationId":"fe43d3b71a4b42ae8b5d4b4fe8730a76","timestamp":1767229200130,"messageType":"commandErrorResponse","sender":{"serviceName":"UserService","serviceVersion":"2.1","serviceTarget":"cleanUp","instanceId":"5cb7d075b45f4c3a6c27190978200b40"},"receiver":{"serviceName":"pyService","serviceVersion":"1","serviceTarget":"gateway","instanceId":"dc0c2372b88e4ddabff5391d3ae155b4"},"payload":{"status":409,"message":"already running","data":{"run":7},"traceId":"2202cf85319f2e1db681d74a8b7c1a18"},"otp":"{}"}"""
RUN = RunInfo("gooJ", "user/1/x", 1767229200000, permit=True, fence=7, timeout_ms=5_000)


def same(message: Message, wire: str) -> bool:
    return load(dump(message)) == json.loads(wire)


def schedule_info() -> ScheduleInfo:
    return ScheduleInfo(
        "user/1/monthlyBillingCycle", "monthlyBillingCycle", "gooJv6Mf1shf42WAQe5PBx0iYK6vEGyInvWbNGpB9jI",
        "2026-01-01T01:00:00.000Z", "2026-01-01T01:00:00.120Z",
    )  # fmt: skip


def test_a_schedules_event() -> None:
    sender = Address("user", "1", "monthlyBillingCycle", "476d2098b9ababa30f13cbe3d39374ca")
    message = custom_message(
        "billing.monthlyCycleDue", {"cycleId": "2026-01"}, sender, id="03270cf7c0f513109ea990bafab41349",
        timestamp=1767229200120, schedule=schedule_info(),
    )  # fmt: skip
    assert same(message, EVENT)
    assert len(dump(message).encode()) == 620
    assert schedule_of(load(EVENT)) == schedule_info()


def test_a_command() -> None:
    sender = Address("pyService", "1", "gateway", "dc0c2372b88e4ddabff5391d3ae155b4")
    message = command(
        Address("UserService", "2.1", "cleanUp"), {"days": 30}, {}, sender, id="59c6fdb4fded4f1a8711986316b39a1b",
        timestamp=1767229200120, carry={"tenantId": "acme"},
    )  # fmt: skip
    message["correlationId"] = "fe43d3b71a4b42ae8b5d4b4fe8730a76"
    assert same(message, COMMAND)


def test_its_answers() -> None:
    asked = load(COMMAND) | {"traceId": "2202cf85319f2e1db681d74a8b7c1a18"}
    instance = "5cb7d075b45f4c3a6c27190978200b40"
    assert same(command_success(asked, {"deleted": 12}, instance, 1767229200130), SUCCESS)
    failure = command_error(
        asked, instance, 1767229200130, status=409, text="already running", data={"run": 7}, handled=True
    )
    assert same(failure, FAILURE)


def test_an_unexpected_error_says_no_more_than_the_standard_text() -> None:
    answer = command_error(load(COMMAND), "i", 0)
    assert (answer["isHandledError"], answer["payload"]) == (False, {"status": 500, "message": "Internal Server Error"})


def test_the_id_of_a_job_with_an_idempotency_key() -> None:
    expected = "idem-affdc7277b987c6f54c311f377190c694f85f69a5a8e4bd763d18bbdbdefddbe"
    assert job_id("billing.run", "invoice:42") == expected


def test_what_is_absent_is_left_out() -> None:
    message = custom_message("x", None, Address("a", "1", "b"), id="i", timestamp=0)
    assert "payload" not in message
    assert "null" not in dump(message)
    assert "instanceId" not in message["sender"]
    asked = command(Address("a", "1", "b"), None, None, Address("a", "1", "c"), id="i", timestamp=0)
    assert asked["payload"] == {}
    assert "payload" not in command_success(asked, None, "i", 0)


def test_run_and_trigger_travel_in_messages_and_in_the_texts_of_jobs() -> None:
    event = custom_message("x", 1, Address("a", "1", "b"), id="i", timestamp=0, schedule=schedule_info(), run=RUN)
    work = job("i", "q", 1, created_at=0, schedule=schedule_info(), run=RUN)
    for message in (load(dump(event)), load(dump(work))):
        assert run_of(message) == RUN
        assert schedule_of(message) == schedule_info()
    assert all(isinstance(value, str) for value in work["headers"].values())
    assert work["headers"]["purista.runId"] == "gooJ"


def test_json_is_compact_and_knows_no_nan() -> None:
    assert dump({"ü": [1, 2.5, None]}) == '{"ü":[1,2.5,null]}'
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON"):
            dump(value)
    for text in ("[]", "5", '"x"', "null"):
        with pytest.raises(ValueError, match="message object"):
            load(text)
