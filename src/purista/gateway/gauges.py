"""How far every schedule is behind, in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Callable

from purista.gateway.recover import Gap, overdue
from purista.ledgers.base import Ledger

__all__ = ["behind"]


def _everything(_key: str) -> bool:
    return True


async def behind(ledger: Ledger, late: list[Gap] | None = None, seen: Callable[[str], bool] = _everything) -> str:
    """Every schedule has a line, so that none can vanish unseen. ``late`` is what :func:`overdue` found, ``seen`` what may
    be shown."""
    if late is None:
        late = await overdue(ledger, ledger.clock.now())
    lag = {gap.key: gap.lag_ms for gap in late}
    keys = {
        lineage.key
        for _, lineages in await ledger.registered()
        for lineage in lineages
        if lineage.contracts[-1].schedule is not None and seen(lineage.key)
    }
    environment = _label(ledger.environment)
    lines = [
        "# HELP purista_overdue_seconds How long an occurrence has been due beyond its scheduler's lateness, undecided.",
        "# TYPE purista_overdue_seconds gauge",
        *(
            f'purista_overdue_seconds{{schedule="{_label(key)}",environment="{environment}"}} {lag.get(key, 0) / 1000:g}'
            for key in sorted(keys)
        ),
    ]
    return "\n".join(lines) + "\n"


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
