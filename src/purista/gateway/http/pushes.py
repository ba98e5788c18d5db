"""``POST /pubsub``: what a Pub/Sub push subscription sends, by an account that a credential of the kind ``oidc`` names.

To Pub/Sub every answer but a success means: send it again, for days. So only what may become right is sent back.
"""

from __future__ import annotations

from purista.auth.credentials import Caller
from purista.auth.grant import Scope
from purista.gateway.gateway import Gateway
from purista.gateway.http.answers import Answered, fault
from purista.gateway.pubsub import Outcome, heard, rejected
from purista.schedulers.gcp.ingress import Unreadable, pushed

__all__ = ["PATH", "push"]

PATH = "/pubsub"
AGAIN_MS = 10_000


async def push(gateway: Gateway, caller: Caller, body: bytes, subscriptions: frozenset[str]) -> Answered:
    """204: decided, or recorded because it will never be right. 503: it shall come again."""
    grant = caller.grant
    if Scope.TRIGGER not in grant.scopes:
        return fault(403)
    source = f"pubsub:{grant.id}"
    try:
        message = pushed(body, subscriptions)
    except Unreadable as why:
        outcome = rejected(why, source)
    else:
        outcome = await heard(gateway, message, source=source, allows=lambda key: grant.allows(Scope.TRIGGER, key))
    if outcome is Outcome.AGAIN:
        return fault(503, retry_after_ms=AGAIN_MS)
    return Answered(204, "", media="text/plain")
