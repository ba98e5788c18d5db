"""What a shell completes beyond words of our own: keys of schedules, as the ledger knows them.

Only the ledger is asked: importing the app at every press of a key would be slow, and would run somebody's code.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from pathlib import Path

__all__ = ["schedule_keys"]

_IN_FORCE = """
SELECT key FROM contracts AS c
WHERE entry IS NOT NULL AND seq = (SELECT max(seq) FROM contracts WHERE lineage = c.lineage) ORDER BY key LIMIT 10000
"""


def schedule_keys(incomplete: str) -> list[str]:
    """Keys that begin so, and names that do and mean one schedule only. Nothing where there is no ledger."""
    path = Path(os.environ.get("PURISTA_LEDGER", "").strip() or "purista.db")
    if not path.is_file():
        return []
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=0.2)
        try:
            keys = [key for (key,) in connection.execute(_IN_FORCE)]
        finally:
            connection.close()
    except sqlite3.Error:  # not a ledger, or one that is busy: no reason to disturb who is typing
        return []
    names = Counter(key.split("/", 2)[-1] for key in keys)
    found = [key for key in keys if key.startswith(incomplete)]
    return found + [name for name, count in names.items() if count == 1 and incomplete and name.startswith(incomplete)]
