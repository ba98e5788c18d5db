"""The libraries that importers read: missing on a laptop skips their tests, missing where CI is set fails them."""

from __future__ import annotations

import importlib
import os
from typing import Any

import pytest


def needed(module: str) -> Any:
    """The module; the test is skipped where nobody promised it."""
    if os.environ.get("CI"):
        return importlib.import_module(module)
    return pytest.importorskip(module, reason=f"{module} is not installed; it is in the dev group")
