"""One server for all of these tests; each has a namespace's worth of owners and queues of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.schedulers.temporal.server import Server


@pytest.fixture(scope="session")
def temporal() -> Iterator[Server]:
    """The server, started when first asked for."""
    server = Server()
    server.start()
    yield server
    server.stop()
