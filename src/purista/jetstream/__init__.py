"""NATS under event bridge and queue: one connection, PURISTA's subjects and headers, consumers that survive it.

What belongs here: connecting, confirmed sending, taking with a bound, delays, dead letters. What does not: what a message means
(``service``), which stream an address needs (``bridges``, ``queues``).
"""
