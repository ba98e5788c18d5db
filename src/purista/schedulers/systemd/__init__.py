"""systemd's timers: a timer and a service for each time at which something is due.

What belongs here: contract → calendar lines and when systemd elapses them (``dialect``, ``cover``, ``calendar``, ``elapse``),
the files (``text``, ``live``, ``control``), what makes systemd read them (``systemctl``), what a unit says (``ingress``). What
does not: deciding what a call means (``gateway``).
"""

from __future__ import annotations

from purista.schedulers.systemd.place import Place
from purista.schedulers.systemd.scheduler import SystemdScheduler

__all__ = ["Place", "SystemdScheduler"]
