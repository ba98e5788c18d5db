"""Messages of a Pub/Sub subscription, fetched: for a gateway that nobody reaches from outside."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from purista.errors import InvalidGateway, MissingExtra
from purista.gateway.gateway import Gateway
from purista.gateway.pubsub import Outcome, heard, rejected
from purista.schedulers.gcp.ingress import Unreadable, message_of

if TYPE_CHECKING:
    from google.pubsub_v1 import SubscriberAsyncClient

__all__ = ["Connect", "Puller", "in_reach"]

log = logging.getLogger("purista.gateway.pubsub")
AT_ONCE = 100
WAIT_S = 30.0
"""So long the service is asked to hold an empty answer back."""
TIMEOUT_S = 20.0
LONGEST_PAUSE_S = 60.0
EMPTY = frozenset({"DEADLINE_EXCEEDED"})
"""Nothing came while we waited."""
LASTING = frozenset({"PERMISSION_DENIED", "NOT_FOUND", "INVALID_ARGUMENT", "UNAUTHENTICATED"})
_T = TypeVar("_T")
Connect = Callable[[], "SubscriberAsyncClient"]


def in_reach() -> SubscriberAsyncClient:
    """With the application's default credentials.

    :raises MissingExtra: google-cloud-pubsub is not installed.
    :raises InvalidGateway: there are no credentials.
    """
    try:
        from google.auth.exceptions import DefaultCredentialsError  # noqa: PLC0415 - an extra
        from google.pubsub_v1 import SubscriberAsyncClient  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise MissingExtra("fetching messages from Pub/Sub", "gcp") from None
    try:
        return SubscriberAsyncClient()
    except DefaultCredentialsError as error:
        raise InvalidGateway(
            f"expected Google's application default credentials, got none: {error}; write gcloud auth application-default login"
        ) from error


class Puller:
    """Fetches, decides, acknowledges, until it is told to stop. Several at once share the messages.

    ``subscription`` is ``projects/P/subscriptions/S``; whoever may publish to its topic may call for every schedule.
    """

    def __init__(
        self, gateway: Gateway, subscription: str, *, connect: Connect = in_reach,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep, wait_s: float = WAIT_S,
    ) -> None:  # fmt: skip
        self._gateway, self._subscription, self._connect = gateway, subscription, connect
        self._pause, self._wait = pause, wait_s

    async def run(self, stop: Awaitable[object]) -> None:
        """Until ``stop`` is done. What was fetched by then is decided and acknowledged.

        :raises InvalidGateway: the subscription is not there, or may not be read; the message names the permission.
        """
        client, stopping = self._connect(), asyncio.ensure_future(stop)
        failures = 0
        try:
            while not stopping.done():
                received = await _until(stopping, self._fetched(client))
                well = received is not None and await self._decided(client, received)
                failures = 0 if well else failures + 1
                if failures:
                    await _until(stopping, self._pause(min(LONGEST_PAUSE_S, 0.5 * 2 ** min(failures, 10))))
        finally:
            stopping.cancel()
            transport: Any = client.transport
            await transport.close()

    async def _fetched(self, client: SubscriberAsyncClient) -> Sequence[Any] | None:
        """Some messages, or none; None: the service could not be asked."""
        from google.api_core.exceptions import GoogleAPICallError  # noqa: PLC0415 - an extra

        request = {"subscription": self._subscription, "max_messages": AT_ONCE}
        try:
            answer = await client.pull(request=request, retry=None, timeout=self._wait)
        except GoogleAPICallError as error:
            return () if self._failed(error) else None
        found: Sequence[Any] = answer.received_messages
        return found

    async def _decided(self, client: SubscriberAsyncClient, received: Sequence[Any]) -> bool:
        """Whether something could be decided, if something came. What is not acknowledged comes again after its deadline, which
        is a pause that nobody has to keep.
        """
        from google.api_core.exceptions import GoogleAPICallError  # noqa: PLC0415 - an extra

        outcomes = await asyncio.gather(*(self._heard(one.message) for one in received))
        pairs = zip(received, outcomes, strict=True)
        taken = [one.ack_id for one, outcome in pairs if outcome is not Outcome.AGAIN]
        try:
            if taken:
                request = {"subscription": self._subscription, "ack_ids": taken}
                await client.acknowledge(request=request, retry=None, timeout=TIMEOUT_S)
        except GoogleAPICallError as error:
            return self._failed(error)
        return bool(taken) or not received

    async def _heard(self, message: Any) -> Outcome:
        source = f"pubsub:{self._subscription.rpartition('/')[2]}"[:100]
        try:
            asked = message_of(message.message_id, dict(message.attributes))
        except Unreadable as why:
            return rejected(why, source)
        return await heard(self._gateway, asked, source=source, allows=lambda _: True)

    def _failed(self, error: Any) -> bool:
        """True: nothing came while we waited.

        :raises InvalidGateway: trying again would not help.
        """
        code = getattr(error, "grpc_status_code", None)
        name = "UNKNOWN" if code is None else str(code.name)
        if name in EMPTY:
            return True
        if name in LASTING:
            raise InvalidGateway(
                f"cannot fetch from {self._subscription} ({name}); its account needs pubsub.subscriptions.consume there: "
                f"{error.message}"
            ) from error
        log.warning("cannot fetch from %s: %s", self._subscription, error, extra={"action": "pull_failed"})
        return False


async def _until(stopping: asyncio.Future[object], work: Awaitable[_T]) -> _T | None:
    """What comes of the work; None where it is time to stop before. What the service has just sent then comes again."""
    task = asyncio.ensure_future(work)
    either: set[asyncio.Future[Any]] = {task, stopping}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        return task.result()
    task.cancel()
    await asyncio.wait({task})
    return None
