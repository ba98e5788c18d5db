"""Contracts of a starting service against what is registered: one comparison, then the ledger, then the scheduler.

What belongs here: which contracts change hands, when, under which revision. What does not: how a scheduler is changed
(``schedulers``), what is due (``gateway``).
"""
