"""The local runner: calls what is due, in this process. For development and tests; production timing stays outside."""

from __future__ import annotations

from purista.schedulers.local.runner import LocalRunner

__all__ = ["LocalRunner"]
