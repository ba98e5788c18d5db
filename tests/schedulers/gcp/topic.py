"""Pub/Sub as far as a subscriber needs it: a gRPC server of the shipped service definition, in this process.

Messages that were pulled and not acknowledged come again when ``expire`` is called, as they do after their deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google import pubsub_v1
from google.protobuf import empty_pb2
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport

__all__ = ["SUBSCRIPTION", "Topic"]

SUBSCRIPTION = "projects/my-shop/subscriptions/purista"


class Topic:
    """``waiting`` are messages to deliver, ``out`` those that were; ``faults`` are answered first, one a pull."""

    def __init__(self) -> None:
        self.waiting: list[pubsub_v1.PubsubMessage] = []
        self.out: dict[str, pubsub_v1.PubsubMessage] = {}
        self.acknowledged: list[str] = []
        self.faults: list[tuple[grpc.StatusCode, str]] = []
        self.pulls = 0
        self.address = ""
        self._count = 0
        self._changed = asyncio.Condition()

    def publish(self, **attributes: str) -> str:
        """As Cloud Scheduler does: no data, static attributes. Its id."""
        self._count += 1
        self.waiting.append(pubsub_v1.PubsubMessage(attributes=attributes, message_id=str(self._count)))
        return str(self._count)

    def expire(self) -> None:
        """Deadlines are over."""
        self.waiting += self.out.values()
        self.out.clear()

    async def settled(self, count: int) -> None:
        """Until so many were acknowledged."""
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: len(self.acknowledged) >= count)

    async def asked(self, count: int) -> None:
        """Until so many pulls have come."""
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: self.pulls >= count)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Topic]:
        server = grpc.aio.server()
        rpc = grpc.unary_unary_rpc_method_handler
        handlers = {
            "Pull": rpc(
                self._pull, request_deserializer=pubsub_v1.PullRequest.deserialize,
                response_serializer=pubsub_v1.PullResponse.serialize,
            ),
            "Acknowledge": rpc(
                self._acknowledge, request_deserializer=pubsub_v1.AcknowledgeRequest.deserialize,
                response_serializer=lambda message: message.SerializeToString(),
            ),
        }  # fmt: skip
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("google.pubsub.v1.Subscriber", handlers),)
        )
        self.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        try:
            yield self
        finally:
            await server.stop(None)

    def client(self) -> pubsub_v1.SubscriberAsyncClient:
        channel = grpc.aio.insecure_channel(self.address)
        return pubsub_v1.SubscriberAsyncClient(transport=SubscriberGrpcAsyncIOTransport(channel=channel))

    async def _pull(self, request: Any, context: Any) -> Any:
        async with self._changed:
            self.pulls += 1
            self._changed.notify_all()
        if request.subscription != SUBSCRIPTION:
            await context.abort(grpc.StatusCode.NOT_FOUND, "Resource not found")
        if self.faults:
            await context.abort(*self.faults.pop(0))
        while not self.waiting:
            await asyncio.sleep(0.01)  # held back, as the service does, until the caller has waited long enough
        batch, self.waiting = self.waiting[: request.max_messages], self.waiting[request.max_messages :]
        found = {f"ack-{self.pulls}-{one.message_id}": one for one in batch}
        self.out |= found
        received = [pubsub_v1.ReceivedMessage(ack_id=ack, message=one) for ack, one in found.items()]
        return pubsub_v1.PullResponse(received_messages=received)

    async def _acknowledge(self, request: Any, context: Any) -> Any:
        async with self._changed:
            for ack in request.ack_ids:
                self.acknowledged.append(self.out.pop(ack).message_id)
            self._changed.notify_all()
        return empty_pb2.Empty()
