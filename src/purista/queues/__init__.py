"""Durable work: enqueue, lease, retry, dead-letter. A queue knows no schedule and no policy."""
