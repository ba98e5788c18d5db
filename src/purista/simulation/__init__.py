"""An app in a world of its own: virtual time, a scheduler that calls, processes that die, clocks that jump.

What belongs here: the loop that travels in time, the world, faults, and the laws that are checked. What does not: anything
a running system needs. The command ``purista simulate`` and ``purista.testing`` are its two users.
"""

from __future__ import annotations
