BEGIN TRANSACTION;
CREATE TABLE audit (
  id      INTEGER PRIMARY KEY,
  at      INTEGER NOT NULL,
  lineage TEXT NOT NULL,
  act     TEXT NOT NULL,
  by      TEXT NOT NULL,
  detail  TEXT NOT NULL
);
CREATE TABLE calls (
  key    TEXT NOT NULL,
  day    TEXT NOT NULL,
  answer TEXT NOT NULL,
  count  INTEGER NOT NULL,
  PRIMARY KEY (key, day, answer)
) WITHOUT ROWID;
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
INSERT INTO "contracts" VALUES('388c45cc190f658c',1,'old/1/hourly',1767227400000,'c275f361f540a76f01ae8a88ef19d70003e3f146ca7ddc2b2d4edba4dfc16ba1',NULL,60000,'{"name": "hourly", "description": "", "targetKind": "queue", "targetServiceName": "old", "targetServiceVersion": "1", "targetName": "work", "expression": {"kind": "interval", "everyMs": 3600000}, "concurrencyPolicy": "forbid", "missedRunPolicy": "runOnce", "enabledByDefault": true, "digest": "c275f361f540a76f01ae8a88ef19d70003e3f146ca7ddc2b2d4edba4dfc16ba1", "payload": {"at": "{scheduled_at}"}}');
CREATE TABLE keys (
  key     TEXT PRIMARY KEY,        -- current and former keys alike
  lineage TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "keys" VALUES('old/1/hourly','388c45cc190f658c');
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
INSERT INTO "lineages" VALUES('388c45cc190f658c','old/1/hourly',2,1,1767229200000,1,NULL,NULL);
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
INSERT INTO "mail" VALUES('0fd0c68cc295051b96f2200ca5afa46d','queue:work','{"id":"0fd0c68cc295051b96f2200ca5afa46d","queueName":"work","payload":{"at":"2026-01-01T01:00:00+00:00"},"headers":{"purista.runId":"S26uy-DZQ0Zc58iT6_14jKTCcmEsZAfFcttQU_2toC8","purista.run":"{\"run\":\"S26uy-DZQ0Zc58iT6_14jKTCcmEsZAfFcttQU_2toC8\",\"key\":\"old/1/hourly\",\"at\":1767229200000,\"permit\":true,\"fence\":1}","purista.schedule":"{\"scheduleKey\":\"old/1/hourly\",\"scheduleName\":\"hourly\",\"occurrenceId\":\"S26uy-DZQ0Zc58iT6_14jKTCcmEsZAfFcttQU_2toC8\",\"scheduledAt\":\"2026-01-01T01:00:00.000Z\",\"firedAt\":\"2026-01-01T01:00:00.000Z\",\"attempt\":1}"},"createdAt":1767229200000,"scheduledAt":1767229200000,"attempt":0,"maxAttempts":10,"leaseExpiresAt":0,"leaseTtlMs":30000}','ready',1767229200000,NULL,0,10,1767229200000,NULL,NULL);
CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "meta" VALUES('environment','default');
INSERT INTO "meta" VALUES('epoch','1795520396601');
INSERT INTO "meta" VALUES('ledger_id','414cbf2edae0382f');
INSERT INTO "meta" VALUES('registry','1');
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
);
INSERT INTO "occurrences" VALUES('388c45cc190f658c',1767229200000,'scheduled','','S26uy-DZQ0Zc58iT6_14jKTCcmEsZAfFcttQU_2toC8','old/1/hourly',1767229200000,1,'published','due',NULL,'c275f361f540a76f01ae8a88ef19d70003e3f146ca7ddc2b2d4edba4dfc16ba1',1,1,1767229200000,'',NULL,NULL,NULL,'{"at":"2026-01-01T01:00:00+00:00"}','["queue:work"]','open',NULL,NULL,2);
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
CREATE TABLE recent_calls (
  id     INTEGER PRIMARY KEY,
  key    TEXT NOT NULL,
  at     INTEGER NOT NULL,
  answer TEXT NOT NULL,
  detail TEXT NOT NULL
);
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
INSERT INTO "slices" VALUES('old','1','default',NULL,'f512c074a6a61d85c23a0e9f0f7a0f474597e94ccac1420a5ecb90847dab4bd9','["old/1/hourly"]','[]',1767227400000);
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
CREATE INDEX lineages_wake ON lineages (wake_at) WHERE wake_at IS NOT NULL;
CREATE UNIQUE INDEX occurrences_request ON occurrences (occurrence_id) WHERE class <> 'scheduled';
CREATE INDEX occurrences_open ON occurrences (lineage) WHERE open = 2;
CREATE INDEX occurrences_idempotency ON occurrences (lineage, class, idempotency_key)
  WHERE idempotency_key IS NOT NULL;
CREATE INDEX recent_calls_key ON recent_calls (key, id);
CREATE INDEX mail_ready ON mail (address, visible_at) WHERE state = 'ready';
CREATE INDEX mail_dead ON mail (address) WHERE state = 'dead';
COMMIT;
