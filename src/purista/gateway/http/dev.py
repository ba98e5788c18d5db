"""The development flag: everybody on this machine may do everything. What makes a request come from this machine."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from purista.auth.credentials import Caller
from purista.auth.grant import Grant, Scope
from purista.errors import NotAuthenticated

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["dev_caller", "is_loopback"]

_FOREIGN = (b"origin", b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip")
"""Headers of browsers on other pages, and of proxies: whoever sends one may be anywhere."""
_GRANT = Grant(id="dev", schedules=("*",), scopes=frozenset(Scope))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches that address. A name other than ``localhost`` is not asked for: it may change."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def dev_caller(request: Request) -> Caller:
    """The caller of a request from this machine.

    ``Host`` is looked at because a page elsewhere can have its own name lead to 127.0.0.1.

    :raises purista.errors.NotAuthenticated: it may come from elsewhere.
    """
    hosts = [value for name, value in request.scope["headers"] if name == b"host"]
    client = request.scope.get("client")
    named = hosts[0].decode("latin-1") if len(hosts) == 1 else ""
    host = named.rpartition(":")[0] if named.rpartition(":")[2].isdigit() and not named.endswith("]") else named
    foreign = any(name in _FOREIGN for name, _ in request.scope["headers"])
    if client is None or not is_loopback(client[0]) or not is_loopback(host) or foreign:
        raise NotAuthenticated("the development flag is for requests from this machine")
    return Caller(_GRANT)
