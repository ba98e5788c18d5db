"""Decides once per occurrence and grants the right to work. Policy lives here and nowhere else.

What belongs here: ``decide`` (pure), ``slots`` (who is in the way; pure), ``runs`` (permits and end reports; pure),
``gateway`` (load, decide, commit, answer). What does not: storage (``ledgers``), transport (``bridges``), scheduler
dialects (``schedulers``).
"""
