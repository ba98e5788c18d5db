"""Subjects, filters, groups and headers on NATS, against PURISTA's own (the vectors of its wire format)."""

from __future__ import annotations

import pytest

from purista.errors import BridgeError
from purista.jetstream import wire
from purista.messages import load
from tests.bridges.test_amqp_wire import COMMAND, COMMAND_HEADERS, EVENT, EVENT_HEADERS


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("customMessage", "custom_message"), ("commandSuccessResponse", "command_success_response"),
        ("billing.monthlyCycleDue", "billing_monthly_cycle_due"), ("UserService", "user_service"),
        ("HTTPServer", "http_server"), ("HTTP2Server", "h_t_t_p_2_server"), ("1.0", "1_0"), ("TENANT-A", "tenant_a"),
        ("tenant 42", "tenant_42"), ("münze", "m_nze"), ("日本", "日本"), ("x1y2", "x1_y2"), ("ABé", "ab"),
        ("4bf92f3577b34da6a3ce929d0e0e4736", "4_bf92_f3577_b34_da6_a3_ce929_d0_e0_e4736"), ("__empty__", "empty"),
        ("*", "*"), (".", "."), ("--", "--"),
    ],
)  # fmt: skip
def test_snake_case_is_puristas(name: str, expected: str) -> None:
    assert wire.snake(name) == expected


def test_an_event_and_a_command_go_to_puristas_subjects() -> None:
    assert wire.subject_of(load(EVENT)) == (
        "purista.custom_message.empty.empty.476_d2098_b9_ababa30_f13_cbe3_d39374_ca.user.1.monthly_billing_cycle."
        "billing_monthly_cycle_due.empty.empty.empty.empty"
    )
    assert wire.subject_of(load(COMMAND)) == (
        "purista.command.empty.acme.dc0_c2372_b88_e4_ddabff5391_d3_ae155_b4.py_service.1.gateway.empty.empty."
        "user_service.2_1.clean_up"
    )


def test_filters_groups_and_streams_are_puristas() -> None:
    assert wire.event_filter("billing.monthlyCycleDue") == "purista.*.*.*.*.*.*.*.billing_monthly_cycle_due.*.*.*.*"
    assert wire.command_filter("UserService", "2.1", "cleanUp") == (
        "purista.command.*.*.*.*.*.*.*.*.user_service.2_1.clean_up"
    )
    assert wire.queue_group("UserService", "2.1", "cleanUp") == "PURISTA_QUEUE_USERSERVICE_2.1_CLEANUP"
    assert wire.stream_name(wire.event_filter("probeA")) == "purista_subscription_purista_______________probe_a________"


def test_headers_are_puristas() -> None:
    assert wire.headers_of(load(EVENT)) == EVENT_HEADERS
    assert wire.headers_of(load(COMMAND)) == COMMAND_HEADERS


@pytest.mark.parametrize("name", ["*", ">", "日 本", "."])
def test_a_name_that_would_be_syntax_is_refused(name: str) -> None:
    with pytest.raises(BridgeError, match="part of a NATS subject"):
        wire.event_filter(name)
