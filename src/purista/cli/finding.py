"""What one look of ``purista doctor`` found."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look found. ``state`` is ok, warning, failed, unknown or none (not there, and nobody needs it)."""

    check: str
    state: str
    found: str
    fix: str = ""
