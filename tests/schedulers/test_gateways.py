"""Lines and units that call a gateway instead of opening a ledger."""

from __future__ import annotations

import shlex

import pytest

from purista.contract.schedule import Schedule
from purista.errors import DeclarationError, RegistrationError
from purista.schedulers.base import Owner
from purista.schedulers.cron import CronScheduler
from purista.schedulers.systemd import SystemdScheduler
from purista.testing.suites.ledger import schedule

OWNER = Owner("user", "default", "abc")
URL, SECRET = "https://gateway.example.com/a%20b'c", "file:/etc/purista/it's here"


def lines(scheduler: CronScheduler | SystemdScheduler, contract: Schedule) -> list[str]:
    compiled = scheduler.for_gateway("default", 1_767_225_600).dialect.compile(OWNER, [contract])
    (finding,) = [f for f in compiled.findings if f.code in ("C110", "C111", "S110", "S112")]
    assert finding.code in ("C111", "S112")
    assert "purista recover" in finding.message
    assert not any(entry.sweep for entry in compiled.entries)
    return [entry.body for entry in compiled.entries]


def test_a_line_of_cron_quotes_the_address_like_every_argument() -> None:
    (body,) = lines(CronScheduler(command=["purista"], host_zone="UTC", gateway=URL, secret=SECRET), schedule())
    command = body.splitlines()[1].split(" ", 6)[6]
    assert r"a\%20b" in command  # a bare % would end cron's line
    assert shlex.split(command.replace(r"\%", "%")) == [
        "purista", "trigger", "--gateway", URL, "--secret", SECRET, "--scheduler", "cron", "--", schedule().key,
    ]  # fmt: skip


def test_a_unit_of_systemd_names_the_gateway_and_needs_no_mount() -> None:
    (body,) = lines(SystemdScheduler(command=["/srv/purista"], gateway=URL, token="env:TOKEN"), schedule())
    (line,) = [line for line in body.splitlines() if line.startswith("ExecStart=")]
    assert line == (
        'ExecStart=/srv/purista trigger --gateway "https://gateway.example.com/a%%20b\'c" --token env:TOKEN'
        f" --scheduler systemd -- {schedule().key}"
    )
    assert "RequiresMountsFor" not in body


@pytest.mark.parametrize("kind", [CronScheduler, SystemdScheduler])
@pytest.mark.parametrize(("options", "said"), [
    ({"gateway": URL, "secret": "whsec_hunter2"}, "secret: expected a reference"),
    ({"gateway": URL, "token": "hunter2"}, "token: expected a reference"),
    ({"gateway": URL, "secret": "file:/a", "token": "file:/b"}, "got both"),
    ({"secret": "file:/a"}, "expected gateway= with secret="),
    ({"gateway": "https://ann:hunter2@host"}, "gateway: expected an address"),
    ({"gateway": "https://host?token=hunter2"}, "gateway: expected an address"),
    ({"gateway": "amqp://host"}, "gateway: expected an address"),
    ({"gateway": "https://ho st"}, "gateway: expected an address"),
    ({"gateway": "https://host:99999"}, "gateway: expected an address"),
])  # fmt: skip
def test_secrets_are_named_and_never_written(kind: type, options: dict[str, str], said: str) -> None:
    with pytest.raises(DeclarationError) as told:
        kind(**options)
    assert said in str(told.value)
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize("kind", [CronScheduler, SystemdScheduler])
def test_without_a_gateway_nothing_is_made_up(kind: type) -> None:
    with pytest.raises(RegistrationError, match=rf"expected {kind.__name__}\(gateway='https://…'"):
        kind().for_gateway("default", 0)
