"""What DAGs need to know: which gateway they call, what proves who calls, and which Airflow reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from purista.errors import DeclarationError
from purista.schedulers.gateways import REFERENCES, gateway_arguments
from purista.schedulers.remote import is_here

__all__ = ["CONNECTION", "Place", "over_broker", "placed"]

YEAR = 31_556_952
CONNECTION = "connection:"
_CONNECTION_ID = re.compile(r"[\w.-]{1,250}")


@dataclass(frozen=True, slots=True)
class Place:
    """``credential`` is a reference (``env:…``, ``file:…``, ``connection:ID`` of an Airflow Connection whose password it is) to
    what signs calls, or with ``bearer`` to a token.

    ``broker`` is a reference to the address of a broker over which ``group`` of gateways is asked instead of ``gateway``;
    ``credential`` then may be empty. ``standalone``: files that need nothing of ours beside Airflow, with Airflow's own
    timetables. ``wait``: a task waits, deferred, until the run has ended. ``now`` and the horizon (epoch seconds, years)
    say for which years changes of clocks are repaired; ``since`` is from when DAGs call, None for those that Airflow sees
    for the first time and nobody wrote down when.
    """

    gateway: str
    credential: str
    bearer: bool = False
    now: int = 0
    since: int | None = None
    standalone: bool = False
    wait: bool = False
    broker: str = ""
    group: str = "default"
    horizon_years: int = 5

    def __post_init__(self) -> None:
        if self.wait and (self.standalone or not self.bearer):
            raise DeclarationError(
                "wait: reading a run's end needs token= (a signature covers a body, and reads have none) and purista beside "
                "Airflow; write token='env:PURISTA_TOKEN' without standalone=True, or leave out wait"
            )

    @property
    def until(self) -> int:
        """The end of the horizon (epoch seconds)."""
        return self.now + self.horizon_years * YEAR


def placed(
    gateway: str, secret: str | None, token: str | None, *, standalone: bool = False, wait: bool = False
) -> Place:
    """A place, checked.

    :raises DeclarationError: no address, both credentials or none, or a secret itself in place of its reference.
    """
    named = [(what, text) for what, text in (("secret", secret), ("token", token)) if text is not None]
    if len(named) != 1:
        got = "both" if named else "none"
        raise DeclarationError(
            f"expected secret= or token=, got {got}: nobody may call without one; write secret='env:PURISTA_SECRET' or "
            "secret='connection:purista_gateway'"
        )
    what, reference = named[0]
    if reference.startswith(CONNECTION):
        if not _CONNECTION_ID.fullmatch(reference.removeprefix(CONNECTION)):
            raise DeclarationError(f"{what}: expected the id of an Airflow Connection after {CONNECTION!r}")
        gateway_arguments(gateway, None, None)
    else:
        gateway_arguments(gateway, secret, token)
    parts = urlsplit(gateway)
    if token is not None and parts.scheme != "https" and not is_here(parts.hostname or ""):
        raise DeclarationError(
            "expected an https:// gateway with token=, got http://: anybody on the way could read and use it"
        )
    return Place(gateway, reference, bearer=token is not None, standalone=standalone, wait=wait)


def over_broker(broker: str, secret: str | None, group: str) -> Place:
    """A place whose DAGs call over a broker, checked.

    :raises DeclarationError: an address or a secret itself in place of its reference.
    """
    for what, text in (("broker", broker), ("secret", secret)):
        known = REFERENCES if what == "secret" else (*REFERENCES, CONNECTION)
        if text is not None and not text.startswith(known):
            # What it says is not repeated: it may hold a password.
            raise DeclarationError(
                f"{what}: expected a reference, got something else; write {what}='env:PURISTA_BROKER'"
            )
    if not _CONNECTION_ID.fullmatch(group):
        raise DeclarationError(f"group: expected letters, digits, dots and dashes, got {group[:60]!a}")
    return Place("", secret or "", broker=broker, group=group)
