"""One PostgreSQL schema: the pool of connections, migrations, the server's clock. Ledger and queue share it.

What belongs here: mechanics. What does not: policy (``gateway``), ports (``ledgers``, ``queues``). asyncpg is imported when a
database is opened, and nowhere else.
"""
