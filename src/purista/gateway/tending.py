"""What a gateway does by itself, where no scheduler's entry does it: finish what calls began, and look for what nobody called
for."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from purista.clock import Clock
from purista.errors import PuristaError

__all__ = ["tend"]

log = logging.getLogger("purista.gateway")
SWEEP_SECONDS = 60.0
RECOVER_MS = 3_600_000


async def tend(
    sweep: Callable[[], Awaitable[object]], recover: Callable[[], Awaitable[object]], clock: Clock
) -> None:  # fmt: skip
    """Sweep every minute; recover at once, and every hour. Until it is cancelled; several gateways do no harm to each other."""
    recovered: int | None = None
    while True:
        try:
            await sweep()
            if recovered is None or clock.now() - recovered >= RECOVER_MS:
                await recover()
                recovered = clock.now()
        except (PuristaError, OSError) as error:
            log.warning("cannot look after what is due: %s", error, extra={"action": "tend_failed"})
        except Exception:
            log.exception(
                "cannot look after what is due", extra={"action": "tend_failed"}
            )  # nobody would start it again
        await clock.sleep(SWEEP_SECONDS)
