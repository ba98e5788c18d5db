"""Debian's cron: one file per owner in ``/etc/cron.d``.

What belongs here: contract → lines and when cron will run them (``dialect``, ``cover``), the file (``text``, ``control``), what
a line says (``ingress``). What does not: deciding what a call means (``gateway``).
"""

from __future__ import annotations

from purista.schedulers.cron.place import Place
from purista.schedulers.cron.scheduler import CronScheduler

__all__ = ["CronScheduler", "Place"]
