"""The statements of the PostgreSQL ledger. Values come as arrays, one for each column, so that any number of changes is one
statement, one transaction and one round trip.
"""

from __future__ import annotations

from purista.ledgers.rows import OCCURRENCE_COLUMNS, PART_COLUMNS

__all__ = [
    "COMMIT", "COMMIT_LAZILY", "COUNT", "DUE", "LINEAGE_COLUMNS", "LOAD", "OCCURRENCE_TYPES", "PART_TYPES", "PURGE",
    "PURGE_PAYLOADS", "RECENT", "REGISTERED", "RESTORED", "SETTINGS",
]  # fmt: skip

LINEAGE_COLUMNS = "lineage, key, version, fence, decided_until, contract_seq, wake_at, pause"
_NUMBERS = {
    "scheduled_at", "last_at", "count", "fence", "attempt", "decided_at", "lease_until", "deadline", "run_ended_at", "open",
    "permit_until", "begun_at", "ended_at", "begins",
}  # fmt: skip


def _types(columns: str) -> list[str]:
    return ["bigint[]" if name in _NUMBERS else "text[]" for name in columns.split(", ")]


def _arrays(types: list[str], first: int) -> str:
    return ", ".join(f"${number}::{type_}" for number, type_ in enumerate(types, first))


def _set(columns: str, *keys: str) -> str:
    return ", ".join(f"{name} = excluded.{name}" for name in columns.split(", ") if name not in keys)


def _of(alias: str, columns: str) -> str:
    return ", ".join(f"{alias}.{name}" for name in columns.split(", "))


OCCURRENCE_TYPES, PART_TYPES = _types(OCCURRENCE_COLUMNS), _types(PART_COLUMNS)
_LINEAGE_TYPES = ["text[]", "bigint[]", "bigint[]", "bigint[]", "bigint[]", "text[]", "text[]", "bigint[]"]
_OCCURRENCES, _PARTS = 1 + len(_LINEAGE_TYPES), 1 + len(_LINEAGE_TYPES) + len(OCCURRENCE_TYPES)

COMMIT = f"""
WITH change AS (
  SELECT * FROM unnest({_arrays(_LINEAGE_TYPES, 1)})
    AS c(lineage, expected, fence, decided_until, wake_at, pause, key, seq)
), won AS (
  UPDATE lineages AS l SET version = l.version + 1, fence = c.fence, decided_until = c.decided_until, wake_at = c.wake_at,
    pause = c.pause, key = c.key, contract_seq = greatest(l.contract_seq, c.seq)
  FROM change AS c WHERE l.lineage = c.lineage AND l.version = c.expected
  RETURNING l.lineage
), written AS (
  INSERT INTO occurrences ({OCCURRENCE_COLUMNS})
  SELECT {_of("r", OCCURRENCE_COLUMNS)} FROM unnest({_arrays(OCCURRENCE_TYPES, _OCCURRENCES)}) AS r({OCCURRENCE_COLUMNS})
    JOIN won USING (lineage)
  ON CONFLICT (lineage, scheduled_at, class, request) DO UPDATE SET
    {_set(OCCURRENCE_COLUMNS, "lineage", "scheduled_at", "class", "request", "occurrence_id", "key", "last_at", "count")}
), worked AS (
  INSERT INTO parts ({PART_COLUMNS})
  SELECT {_of("p", PART_COLUMNS)} FROM unnest({_arrays(PART_TYPES, _PARTS)}) AS p({PART_COLUMNS})
    JOIN won USING (lineage)
  ON CONFLICT (run, part) DO UPDATE SET {_set(PART_COLUMNS, "run", "part", "lineage", "address")}
)
SELECT lineage FROM won
"""
"""The changes that won. Rows of the others are not written: everything hangs on ``won``."""
COMMIT_LAZILY = COMMIT.replace(
    "SELECT lineage FROM won",
    "SELECT lineage FROM won CROSS JOIN (SELECT set_config('synchronous_commit', 'off', true)) AS lazily",
)
"""The same, for this transaction without waiting for the disk: a crash of the server may lose it."""

LOAD = f"""
WITH found AS (
  SELECT k.key AS asked, {_of("l", LINEAGE_COLUMNS)} FROM keys AS k JOIN lineages AS l ON l.lineage = k.lineage
  WHERE k.key = ANY($1::text[])
), opened AS (
  SELECT {_of("o", OCCURRENCE_COLUMNS)} FROM occurrences AS o
    WHERE o.open = 2 AND o.lineage IN (SELECT lineage FROM found)
  UNION
  SELECT {_of("o", OCCURRENCE_COLUMNS)} FROM found AS f JOIN occurrences AS o ON o.lineage = f.lineage
    JOIN unnest($2::text[], $3::bigint[]) AS r(id, at) ON o.scheduled_at = r.at AND o.occurrence_id = r.id
  UNION
  SELECT {_of("o", OCCURRENCE_COLUMNS)} FROM occurrences AS o
    WHERE o.occurrence_id = ANY($4::text[]) AND o.class <> 'scheduled'
)
SELECT 'lineage', asked, json_build_array({LINEAGE_COLUMNS})::text FROM found
UNION ALL SELECT 'run', lineage, json_build_array({OCCURRENCE_COLUMNS})::text FROM opened
UNION ALL SELECT 'part', run, json_build_array({PART_COLUMNS})::text FROM parts
  WHERE run IN (SELECT occurrence_id FROM opened)
UNION ALL SELECT 'meta', name, value FROM meta WHERE name IN ('registry', 'restored')
UNION ALL SELECT 'meta', 'now', (extract(epoch FROM clock_timestamp()) * 1000)::bigint::text
"""
"""Everything a decision looks at, and the server's time: one round trip."""

COUNT = """
INSERT INTO calls (key, day, answer, count)
SELECT key, to_char(to_timestamp(at / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD'), answer, count(*)
FROM unnest($1::text[], $2::bigint[], $3::text[]) AS c(key, at, answer) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
ON CONFLICT (key, day, answer) DO UPDATE SET count = calls.count + excluded.count
"""
RECENT = """
WITH fresh AS (
  INSERT INTO recent_calls (key, at, answer, detail)
  SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[])
), old AS (
  SELECT id FROM (
    SELECT id, row_number() OVER (PARTITION BY key ORDER BY id DESC) AS place FROM recent_calls WHERE key = ANY($1::text[])
  ) AS ranked WHERE place > $5
)
DELETE FROM recent_calls WHERE id IN (SELECT id FROM old)
"""
SETTINGS = "SELECT name, value FROM meta"
DUE = "SELECT key FROM lineages WHERE wake_at <= $1 ORDER BY wake_at LIMIT $2"
REGISTERED = (
    "SELECT service, version, environment, revision, digest, keys, registered_at, replaced FROM slices"
    " ORDER BY service, version, environment"
)
PURGE = """
WITH gone AS (
  DELETE FROM occurrences WHERE ctid = ANY(ARRAY(
    SELECT o.ctid FROM occurrences AS o WHERE o.open = 0 AND o.decided_at < $1 AND NOT EXISTS (
      SELECT 1 FROM parts AS p JOIN mail AS m ON m.id = p.part WHERE p.run = o.occurrence_id AND m.state <> 'done'
    ) LIMIT $2 FOR UPDATE OF o SKIP LOCKED
  )) RETURNING occurrence_id
), parts_gone AS (DELETE FROM parts WHERE run IN (SELECT occurrence_id FROM gone)
), mail_gone AS (
  DELETE FROM mail WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM mail WHERE state = 'done' AND done_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED
  )) RETURNING 1
), workers_gone AS (DELETE FROM workers WHERE seen_at < $1 RETURNING 1
), recent_gone AS (DELETE FROM recent_calls WHERE at < $1 RETURNING 1
), calls_gone AS (
  DELETE FROM calls WHERE day < to_char(to_timestamp($1 / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD') RETURNING 1
), audit_gone AS (DELETE FROM audit WHERE at < $1 RETURNING 1)
SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM mail_gone) + (SELECT count(*) FROM workers_gone)
  + (SELECT count(*) FROM recent_gone) + (SELECT count(*) FROM calls_gone) + (SELECT count(*) FROM audit_gone)
"""
PURGE_PAYLOADS = """
WITH emptied AS (
  UPDATE occurrences SET payload = NULL WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM occurrences WHERE open = 0 AND decided_at < $1 AND payload IS NOT NULL LIMIT $2 FOR UPDATE SKIP LOCKED
  )) RETURNING 1
), mail_emptied AS (
  UPDATE mail SET body = NULL WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM mail WHERE state = 'done' AND done_at < $1 AND body IS NOT NULL LIMIT $2 FOR UPDATE SKIP LOCKED
  )) RETURNING 1
) SELECT (SELECT count(*) FROM emptied) + (SELECT count(*) FROM mail_emptied)
"""

RESTORED = "INSERT INTO meta VALUES ('restored', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
