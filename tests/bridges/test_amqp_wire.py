"""Names, bindings, headers and properties on RabbitMQ, against PURISTA's own (the worked examples of its wire format)."""

from __future__ import annotations

import json

import pytest

from purista.amqp import wire
from purista.amqp.delays import LONGEST_MS, SHORTEST_MS, rung_of
from purista.messages import command_success, load

EVENT = (
    '{"id":"03270cf7c0f513109ea990bafab41349","timestamp":1767229200120,"messageType":"customMessage",'
    '"contentType":"application/json","contentEncoding":"utf-8","sender":{"serviceName":"user","serviceVersion":"1",'
    '"serviceTarget":"monthlyBillingCycle","instanceId":"476d2098b9ababa30f13cbe3d39374ca"},'
    '"eventName":"billing.monthlyCycleDue","payload":{"cycleId":"2026-01"},"otp":"{}","schedule":{"scheduleKey":'
    '"user/1/monthlyBillingCycle","scheduleName":"monthlyBillingCycle","occurrenceId":'
    '"gooJv6Mf1shf42WAQe5PBx0iYK6vEGyInvWbNGpB9jI","scheduledAt":"2026-01-01T01:00:00.000Z","firedAt":'
    '"2026-01-01T01:00:00.120Z","attempt":1}}'
)
EVENT_HEADERS = {
    "messageType": "customMessage", "senderServiceName": "user", "senderServiceVersion": "1",
    "senderServiceTarget": "monthlyBillingCycle", "senderInstanceId": "476d2098b9ababa30f13cbe3d39374ca",
    "eventName": "billing.monthlyCycleDue",
}  # fmt: skip
COMMAND = (
    '{"id":"59c6fdb4fded4f1a8711986316b39a1b","timestamp":1767229200120,"messageType":"command","contentType":'
    '"application/json","contentEncoding":"utf-8","correlationId":"fe43d3b71a4b42ae8b5d4b4fe8730a76","sender":'
    '{"serviceName":"pyService","serviceVersion":"1","serviceTarget":"gateway","instanceId":'
    '"dc0c2372b88e4ddabff5391d3ae155b4"},"receiver":{"serviceName":"UserService","serviceVersion":"2.1","serviceTarget":'
    '"cleanUp"},"payload":{"payload":{"days":30},"parameter":{}},"tenantId":"acme","otp":"{}"}'
)
COMMAND_HEADERS = {
    "messageType": "command", "senderServiceName": "pyService", "senderServiceVersion": "1", "senderServiceTarget": "gateway",
    "senderInstanceId": "dc0c2372b88e4ddabff5391d3ae155b4", "receiverServiceName": "UserService",
    "receiverServiceVersion": "2.1", "receiverServiceTarget": "cleanUp", "tenantId": "acme",
}  # fmt: skip


def test_an_event_goes_out_with_puristas_headers_and_properties() -> None:
    message = load(EVENT)
    assert wire.headers_of(message) == EVENT_HEADERS
    properties = wire.properties_of(message, EVENT_HEADERS)
    assert (properties["message_id"], properties["message_type"]) == (message["id"], "customMessage")
    assert (properties["content_type"], properties["content_encoding"]) == ("application/json", "utf-8")
    assert properties["delivery_mode"] == 2
    assert "correlation_id" not in properties
    assert "reply_to" not in properties


def test_a_command_names_its_receiver_and_where_answers_go() -> None:
    message = load(COMMAND)
    assert wire.headers_of(message) == COMMAND_HEADERS
    properties = wire.properties_of(message, COMMAND_HEADERS, reply_to="purista.reply.me")
    assert properties["correlation_id"] == "fe43d3b71a4b42ae8b5d4b4fe8730a76"
    assert properties["reply_to"] == "purista.reply.me"


def test_an_answer_is_routed_by_the_header_that_copies_reply_to() -> None:
    answer = command_success(load(COMMAND), {"deleted": 12}, "5cb7d075b45f4c3a6c27190978200b40", 1_767_229_200_130)
    assert wire.headers_of(answer, "amq.gen-xyz") == {
        "messageType": "commandSuccessResponse", "senderServiceName": "UserService", "senderServiceVersion": "2.1",
        "senderServiceTarget": "cleanUp", "senderInstanceId": "5cb7d075b45f4c3a6c27190978200b40",
        "receiverServiceName": "pyService", "receiverServiceVersion": "1", "receiverServiceTarget": "gateway",
        "receiverServiceInstanceId": "dc0c2372b88e4ddabff5391d3ae155b4", "replyTo": "amq.gen-xyz", "tenantId": "acme",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("address", "event", "queue", "binding"),
    [
        ("sub:user/1/mail", "billing.due", "purista.sub.user.1.mail", {"eventName": "billing.due"}),
        (
            "cmd:UserService/2.1/cleanUp", None, "purista.cmd.UserService.2.1.cleanUp",
            {"messageType": "command", "receiverServiceName": "UserService", "receiverServiceVersion": "2.1",
             "receiverServiceTarget": "cleanUp"},
        ),
        ("reply:me", None, "purista.reply.me", {"replyTo": "purista.reply.me"}),
    ],
)  # fmt: skip
def test_queues_and_bindings_are_puristas(address: str, event: str | None, queue: str, binding: dict[str, str]) -> None:
    assert wire.queue_name("purista", address) == queue
    assert wire.binding_of(address, event, queue) == {"x-match": "all", **binding}


def test_every_header_is_a_text() -> None:
    message = json.loads(EVENT) | {"tenantId": 42}
    assert wire.headers_of(message)["tenantId"] == "42"


def test_a_long_name_keeps_its_beginning_and_ends_in_its_hash() -> None:
    address = "sub:" + "/".join(["ü" * 150] * 3)
    one, two = wire.queue_name("purista", address), wire.queue_name("purista", address + "x")
    assert one != two
    assert max(len(wire.dead_name(name).encode()) for name in (one, two)) <= 255
    assert one.startswith("purista.sub.üüü")


def test_a_wait_takes_the_longest_rung_that_does_not_pass_it() -> None:
    assert [rung_of(ms) for ms in (1, 249, 250, 499, 500, 1_250, 60_000)] == [250, 250, 250, 250, 500, 1_000, 32_000]
    assert rung_of(10**12) == LONGEST_MS
    assert rung_of(0) == SHORTEST_MS
