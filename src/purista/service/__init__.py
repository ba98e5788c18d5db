"""A service: what it declares (``builder``, ``handlers``) and how its handlers are run (``runtime``, ``work``, ``context``).

What does not belong here: deciding (``gateway``), storing (``ledgers``), carrying (``bridges``, ``queues``).
"""
