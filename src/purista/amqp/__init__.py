"""RabbitMQ under event bridge and queue: one connection, PURISTA's names and headers, consumers that survive it.

What belongs here: connecting again, confirmed sending, taking with a bound, delays, dead letters. What does not: what a
message means (``service``), which queue an address is bound to what (``bridges``, ``queues``).
"""
