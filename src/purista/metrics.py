"""Counts for Prometheus: what :mod:`purista.telemetry` gives to OpenTelemetry, as text to be scraped.

Off until :func:`enable`; a process that nobody scrapes pays nothing, and imports nothing. Needs the extra ``prometheus``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from purista.errors import DeclarationError, MissingExtra

__all__ = ["CONTENT_TYPE", "add", "enable", "listening", "standing", "text", "worked"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_COUNTERS = {
    "calls": ("purista_calls", "Calls of schedulers and people, by how they were answered.", ("answer",)),
    "messages.sent": ("purista_messages_sent", "Messages that the bridge has confirmed.", ()),
    "messages.failed": ("purista_messages_failed", "Messages that the bridge has not confirmed; they are sent again.", ()),
    "pubsub.messages": ("purista_pubsub_messages", "Messages of Google Pub/Sub, by what became of them.", ("outcome",)),
}  # fmt: skip
_GAUGES = {
    "registrations.waiting": (
        "purista_registrations_waiting", "Service versions that are in the ledger and not yet in the scheduler, which is away.",
    ),
}  # fmt: skip
_SECONDS = (0.005, 0.025, 0.1, 0.5, 1, 5, 30, 60, 300, 1_800, 7_200)


@dataclass(frozen=True, slots=True)
class _Meters:
    library: Any
    registry: Any
    counters: Mapping[str, Any]
    gauges: Mapping[str, Any]
    durations: Any


_meters: _Meters | None = None


def enable() -> bool:
    """Count from now on, in this process. False: the library is not installed."""
    global _meters  # noqa: PLW0603 - one set of meters a process, as a scraper sees it
    if _meters is not None:
        return True
    try:
        import prometheus_client as library  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        return False
    registry = library.CollectorRegistry()
    library.ProcessCollector(registry=registry)
    counters = {
        name: library.Counter(shown, about, labels, registry=registry)
        for name, (shown, about, labels) in _COUNTERS.items()
    }
    gauges = {name: library.Gauge(shown, about, registry=registry) for name, (shown, about) in _GAUGES.items()}
    durations = library.Histogram(
        "purista_work_duration_seconds", "How long handlers worked, by address and outcome.", ("address", "outcome"),
        buckets=_SECONDS, registry=registry,
    )  # fmt: skip
    _meters = _Meters(library, registry, counters, gauges, durations)
    return True


def add(name: str, number: int, labels: Mapping[str, str]) -> None:
    """Add to a counter by its name in telemetry."""
    if _meters is not None and number:
        counter = _meters.counters[name]
        (counter.labels(**labels) if labels else counter).inc(number)


def standing(name: str, number: int) -> None:
    """How many of something there are now."""
    if _meters is not None:
        _meters.gauges[name].set(number)


def worked(seconds: float, address: str, outcome: str) -> None:
    """A handler's work has ended."""
    if _meters is not None:
        _meters.durations.labels(address=address, outcome=outcome).observe(seconds)


def text() -> str:
    """Everything counted so far in Prometheus' text format; empty while nothing counts."""
    if _meters is None:
        return ""
    found: bytes = _meters.library.generate_latest(_meters.registry)
    return found.decode()


@contextmanager
def listening(place: str) -> Iterator[tuple[str, int]]:
    """Serve :func:`text` at ``[HOST:]PORT`` (host 127.0.0.1 unless named) from a thread of its own. Anybody may read it.

    :raises purista.errors.DeclarationError: it cannot be listened on there.
    :raises purista.errors.MissingExtra: the library is not installed.
    """
    host, _, port = place.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) < 65_536):
        raise DeclarationError(f"metrics: expected [HOST:]PORT with a port from 0 to 65535, got {place[:60]!r}")
    if not enable() or _meters is None:
        raise MissingExtra("Prometheus metrics", "prometheus")
    host = host.strip("[]") or "127.0.0.1"
    try:
        server, thread = _meters.library.start_http_server(int(port), host, registry=_meters.registry)
    except OSError as error:
        raise DeclarationError(f"metrics: expected an address to listen on, got {place}: {error.strerror}") from None
    try:
        yield host, server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
