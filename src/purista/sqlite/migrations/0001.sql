-- The first schema. Instants are integer milliseconds since the epoch, UTC.

CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;  -- ledger_id, environment, epoch (ms of birth), registry (counts registrations)

-- A lineage is what survives versions and renames of a schedule. `version` is the compare-and-set counter of
-- everything that hangs on it; `fence` is raised by every claim and takeover.
CREATE TABLE lineages (
  lineage       TEXT PRIMARY KEY,
  key           TEXT NOT NULL,     -- the owner's schedule key, service/version/name
  version       INTEGER NOT NULL,
  fence         INTEGER NOT NULL,
  decided_until INTEGER NOT NULL,  -- every scheduled occurrence up to here has a row
  contract_seq  INTEGER NOT NULL,  -- the newest contract
  wake_at       INTEGER,           -- when somebody should look again: lease, permit, deadline or pause ends
  pause         TEXT               -- JSON {by, reason, since, until}
) WITHOUT ROWID;
CREATE INDEX lineages_wake ON lineages (wake_at) WHERE wake_at IS NOT NULL;

CREATE TABLE keys (
  key     TEXT PRIMARY KEY,        -- current and former keys alike
  lineage TEXT NOT NULL
) WITHOUT ROWID;

-- Contracts in force: which occurrences exist at T is decided by the newest row with effective_from <= T.
CREATE TABLE contracts (
  lineage        TEXT NOT NULL,
  seq            INTEGER NOT NULL,
  key            TEXT NOT NULL,
  effective_from INTEGER NOT NULL,
  digest         TEXT NOT NULL,
  revision       INTEGER,
  lateness       INTEGER NOT NULL, -- how late the scheduler's calls normally are, ms
  entry          TEXT,             -- manifest entry as JSON; NULL is a tombstone
  PRIMARY KEY (lineage, seq)
) WITHOUT ROWID;

CREATE TABLE slices (
  service       TEXT NOT NULL,
  version       TEXT NOT NULL,
  environment   TEXT NOT NULL,
  revision      INTEGER,
  digest        TEXT NOT NULL,
  keys          TEXT NOT NULL,     -- JSON list of schedule keys
  replaced      TEXT NOT NULL,     -- JSON list of digests this slice had before
  registered_at INTEGER NOT NULL,
  PRIMARY KEY (service, version, environment)
) WITHOUT ROWID;

CREATE TABLE subscriptions (
  event        TEXT NOT NULL,
  address      TEXT NOT NULL,      -- sub:service/version/name
  seen_at      INTEGER NOT NULL,
  PRIMARY KEY (event, address)
) WITHOUT ROWID;

CREATE TABLE workers (
  address TEXT NOT NULL,
  worker  TEXT NOT NULL,           -- host:pid
  seen_at INTEGER NOT NULL,
  PRIMARY KEY (address, worker)
) WITHOUT ROWID;

-- One row per decided occurrence, or per stretch of more than a hundred equal decisions that published nothing
-- (`last_at`, `count`). `open`: 0 over, 1 running without permits, 2 claimed, held or running under permits.
CREATE TABLE occurrences (
  lineage         TEXT NOT NULL,
  scheduled_at    INTEGER NOT NULL,
  class           TEXT NOT NULL,   -- scheduled | manual | replay
  request         TEXT NOT NULL,   -- '' for scheduled, else the caller's request id
  occurrence_id   TEXT NOT NULL,
  key             TEXT NOT NULL,
  last_at         INTEGER NOT NULL,
  count           INTEGER NOT NULL,
  decision        TEXT NOT NULL,
  reason          TEXT NOT NULL,
  related         TEXT,            -- the occurrence that stands for this one, or was in its way
  digest          TEXT NOT NULL,
  fence           INTEGER NOT NULL,
  attempt         INTEGER NOT NULL,
  decided_at      INTEGER NOT NULL,
  source          TEXT NOT NULL,
  lease_until     INTEGER,         -- of a claim that is not published yet
  deadline        INTEGER,         -- somebody must have begun by then
  idempotency_key TEXT,
  payload         TEXT,            -- rendered once, reused by every retry
  roots           TEXT,            -- JSON list of the addresses that were live when it was decided
  run             TEXT,            -- open | finished | failed | timed_out | superseded | undelivered
  run_ended_at    INTEGER,
  run_detail      TEXT,
  open            INTEGER NOT NULL,
  PRIMARY KEY (lineage, scheduled_at, class, request)
);  -- rows are appended, and long: a rowid table splits no pages
CREATE UNIQUE INDEX occurrences_request ON occurrences (occurrence_id) WHERE class <> 'scheduled';
CREATE INDEX occurrences_open ON occurrences (lineage) WHERE open = 2;
CREATE INDEX occurrences_idempotency ON occurrences (lineage, class, idempotency_key)
  WHERE idempotency_key IS NOT NULL;

-- A run's parts that were begun, ended or enqueued; a root that nobody touched yet is only in `roots`. A permit is
-- `fence` and `permit_until` of a working part.
CREATE TABLE parts (
  run          TEXT NOT NULL,      -- occurrence id
  part         TEXT NOT NULL,      -- delivery or job id
  lineage      TEXT NOT NULL,
  address      TEXT NOT NULL,
  state        TEXT NOT NULL,      -- pending | working | ended
  outcome      TEXT,
  fence        INTEGER NOT NULL,
  permit_until INTEGER,
  worker       TEXT,
  begun_at     INTEGER,
  ended_at     INTEGER,
  begins       INTEGER NOT NULL,
  detail       TEXT,
  PRIMARY KEY (run, part)
) WITHOUT ROWID;

-- Calls that decided nothing are counted per day, and the last few kept.
CREATE TABLE calls (
  key    TEXT NOT NULL,
  day    TEXT NOT NULL,
  answer TEXT NOT NULL,
  count  INTEGER NOT NULL,
  PRIMARY KEY (key, day, answer)
) WITHOUT ROWID;
CREATE TABLE recent_calls (
  id     INTEGER PRIMARY KEY,
  key    TEXT NOT NULL,
  at     INTEGER NOT NULL,
  answer TEXT NOT NULL,
  detail TEXT NOT NULL
);
CREATE INDEX recent_calls_key ON recent_calls (key, id);

-- Who changed what by hand: pause, resume, forced runs.
CREATE TABLE audit (
  id      INTEGER PRIMARY KEY,
  at      INTEGER NOT NULL,
  lineage TEXT NOT NULL,
  act     TEXT NOT NULL,
  by      TEXT NOT NULL,
  detail  TEXT NOT NULL
);

-- Deliveries, jobs and commands alike: leased, retried, dead-lettered, remembered when done.
CREATE TABLE mail (
  id           TEXT PRIMARY KEY,
  address      TEXT NOT NULL,      -- sub:… | queue:… | cmd:…
  body         TEXT,
  state        TEXT NOT NULL,      -- ready | done | dead
  visible_at   INTEGER NOT NULL,   -- not before; a taken message is hidden until its lease ends
  lease        TEXT,
  attempts     INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  done_at      INTEGER,
  reason       TEXT
);
CREATE INDEX mail_ready ON mail (address, visible_at) WHERE state = 'ready';
CREATE INDEX mail_dead ON mail (address) WHERE state = 'dead';
