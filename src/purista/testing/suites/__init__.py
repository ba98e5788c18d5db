"""Contract suites: the laws of each port as tests. An adapter's author subclasses one and gives it a factory.

::

    from purista.testing.suites import QueueSuite

    class TestMyQueue(QueueSuite):
        async def make(self, clock):
            queue = MyQueue(clock=clock)
            await queue.start()
            return queue

Needs pytest with pytest-asyncio (``asyncio_mode = auto``). Nothing outside the suites imports pytest.
"""

from __future__ import annotations

from purista.testing.suites.bridge import BridgeSuite
from purista.testing.suites.control import ControlSuite
from purista.testing.suites.dialect import DialectSuite
from purista.testing.suites.ledger import LedgerSuite
from purista.testing.suites.queue import QueueSuite

__all__ = ["BridgeSuite", "ControlSuite", "DialectSuite", "LedgerSuite", "QueueSuite"]
