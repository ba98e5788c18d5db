"""External schedulers: one folder each (dialect, control, ingress) behind the ports in ``base``; and the local runner.

What does not belong here: what an occurrence means (``recurrence``), what a call decides (``gateway``).
"""
