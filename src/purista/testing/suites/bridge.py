"""The laws of :class:`~purista.bridges.base.EventBridge`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from purista.bridges.base import EventBridge, Subscription
from purista.clock import Clock
from purista.delivery import Delivery, Limits
from purista.messages import Address, Message, command, command_success, custom_message, load, new_id
from purista.testing.suites.common import Inbox, Pace, until

__all__ = ["BridgeSuite"]

SENDER = Address("suite", "1", "test", "instance")


class BridgeSuite(Pace):
    """Subclass it and write ``make``; every test gets a bridge of its own."""

    volatile = False
    remembers = True
    """Whether a message that is published again is dropped. Else it comes again under the same delivery id."""

    async def make(self, clock: Clock) -> EventBridge:
        """A started bridge without subscriptions that goes by ``clock``."""
        raise NotImplementedError

    @pytest.fixture
    async def bridge(self, clock: Clock) -> AsyncIterator[EventBridge]:
        """The bridge under test."""
        bridge = await self.make(clock)
        yield bridge
        await bridge.stop(drain=False)

    def event(self, name: str, payload: Any = None) -> Message:
        """An event of the suite."""
        return custom_message(name, payload, SENDER, id=new_id(), timestamp=0)

    async def test_it_says_whether_it_forgets(self, bridge: EventBridge) -> None:
        """``volatile`` is true to what was declared, and health answers."""
        assert bridge.volatile is self.volatile
        assert bridge.remembers is self.remembers
        assert (await bridge.health()).ok

    async def test_an_event_reaches_every_subscription_of_it(self, bridge: EventBridge) -> None:
        """Each address gets its own copy; others get none."""
        one, two, other = Inbox(), Inbox(), Inbox()
        await bridge.subscribe(Subscription("sub:a/1/one", "x"), one)
        await bridge.subscribe(Subscription("sub:a/1/two", "x"), two)
        await bridge.subscribe(Subscription("sub:a/1/other", "y"), other)
        message = self.event("x", {"text": "münze", "n": 1.5})
        (delivered,) = await bridge.publish([message])
        assert delivered.error is None
        await until(lambda: len(one) == 1 and len(two) == 1)
        assert load(one.deliveries[0].body) == message
        assert len(other) == 0

    async def test_an_event_without_subscription_is_no_error(self, bridge: EventBridge) -> None:
        """It reaches nobody, and says so where it can."""
        (delivered,) = await bridge.publish([self.event("nobody")])
        assert (delivered.receivers, delivered.error) == (0, None)

    async def test_a_subscription_outlives_its_consumer(self, bridge: EventBridge) -> None:
        """What comes while nobody listens is delivered later."""
        consumer = await bridge.subscribe(Subscription("sub:a/1/one", "x"), Inbox())
        await consumer.close()
        await bridge.publish([self.event("x", {"n": 1})])
        inbox = Inbox()
        await bridge.subscribe(Subscription("sub:a/1/one", "x"), inbox)
        await until(lambda: len(inbox) == 1)

    async def test_two_instances_of_an_address_share_its_messages(self, bridge: EventBridge) -> None:
        """One of them gets each."""
        one, two = Inbox(), Inbox()
        for inbox in (one, two):
            await bridge.subscribe(Subscription("sub:a/1/one", "x"), inbox)
        messages = [self.event("x", {"n": number}) for number in range(30)]
        await bridge.publish(messages)
        await until(lambda: len(one) + len(two) == 30)
        got = [load(d.body)["payload"]["n"] for d in (*one.deliveries, *two.deliveries)]
        assert sorted(got) == list(range(30))

    async def test_an_error_in_one_receiver_is_not_seen_by_another(self, bridge: EventBridge, clock: Clock) -> None:
        """And what was not settled comes again."""
        failures: list[Delivery] = []

        async def fail(delivery: Delivery) -> None:
            failures.append(delivery)
            if len(failures) == 1:
                raise RuntimeError("receiver broken")
            await delivery.ack()

        fine = Inbox()
        limits = Limits(visibility_ms=10 * self.unit_ms)
        await bridge.subscribe(Subscription("sub:a/1/broken", "x", limits), fail)
        await bridge.subscribe(Subscription("sub:a/1/fine", "x", limits), fine)
        await bridge.publish([self.event("x")])
        await fine.until_settled(1)
        await until(lambda: failures)
        await self.pass_time(clock, 11)
        await until(lambda: len(failures) == 2)
        assert failures[0].id == failures[1].id
        assert len(fine) == 1

    async def test_a_command_goes_to_its_receiver_and_the_answer_to_the_caller(self, bridge: EventBridge) -> None:
        """Responses find the instance that asked."""

        async def answer(delivery: Delivery) -> None:
            request = load(delivery.body)
            await bridge.publish([command_success(request, {"deleted": 12}, "responder", 0)])
            await delivery.ack()

        replies, others = Inbox(), Inbox()
        await bridge.subscribe(Subscription("cmd:a/1/cleanup"), answer)
        await bridge.subscribe(Subscription(f"reply:{SENDER.instance}"), replies)
        await bridge.subscribe(Subscription("reply:somebody-else"), others)
        asked = command(Address("a", "1", "cleanup"), {"days": 30}, {}, SENDER, id=new_id(), timestamp=0)
        await bridge.publish([asked])
        await until(lambda: len(replies) == 1)
        reply = load(replies.deliveries[0].body)
        assert (reply["correlationId"], reply["payload"]) == (asked["correlationId"], {"deleted": 12})
        assert len(others) == 0

    async def test_a_subscription_is_there_before_anybody_takes_from_it(self, bridge: EventBridge) -> None:
        """What is published after ``declare`` waits for the first consumer, where a bridge needs that at all."""
        wanted = Subscription("sub:a/1/one", "x")
        await bridge.declare([wanted, wanted])
        consumer = await bridge.subscribe(wanted, Inbox())
        await consumer.close()
        await bridge.declare([wanted])
        await bridge.publish([self.event("x")])
        inbox = Inbox()
        await bridge.subscribe(wanted, inbox)
        await until(lambda: len(inbox) == 1)

    async def test_a_repeated_message_can_be_recognised(self, bridge: EventBridge) -> None:
        """A message that is published again is dropped, or has the delivery id that it had before."""
        inbox = Inbox()
        await bridge.subscribe(Subscription("sub:a/1/one", "x"), inbox)
        message = self.event("x")
        await bridge.publish([message])
        await until(lambda: len(inbox) == 1)
        await bridge.publish([message, self.event("x")])
        await until(lambda: len(set(inbox.ids)) == 2)
        assert len(inbox) == 2 or not self.remembers
