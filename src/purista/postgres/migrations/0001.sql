-- The first schema: the columns of sqlite/migrations/0001.sql. Instants are bigint milliseconds since the epoch, UTC.
-- Tables live in a schema of their own, which is first on the search path.

CREATE TABLE meta (
  name  text PRIMARY KEY,
  value text NOT NULL
);  -- ledger_id, environment, registry (counts registrations), restored (ms), schema

CREATE TABLE lineages (
  lineage       text PRIMARY KEY,
  key           text NOT NULL,
  version       bigint NOT NULL,
  fence         bigint NOT NULL,
  decided_until bigint NOT NULL,
  contract_seq  bigint NOT NULL,
  wake_at       bigint,
  pause         text
) WITH (fillfactor = 70);  -- updated by every decision: room for heap-only updates
CREATE INDEX lineages_wake ON lineages (wake_at) WHERE wake_at IS NOT NULL;

CREATE TABLE keys (
  key     text PRIMARY KEY,
  lineage text NOT NULL
);

CREATE TABLE contracts (
  lineage        text NOT NULL,
  seq            bigint NOT NULL,
  key            text NOT NULL,
  effective_from bigint NOT NULL,
  digest         text NOT NULL,
  revision       bigint,
  lateness       bigint NOT NULL,
  entry          text,
  PRIMARY KEY (lineage, seq)
);

CREATE TABLE slices (
  service       text NOT NULL,
  version       text NOT NULL,
  environment   text NOT NULL,
  revision      bigint,
  digest        text NOT NULL,
  keys          text NOT NULL,
  replaced      text NOT NULL,
  registered_at bigint NOT NULL,
  PRIMARY KEY (service, version, environment)
);

CREATE TABLE subscriptions (
  event   text NOT NULL,
  address text NOT NULL,
  seen_at bigint NOT NULL,
  PRIMARY KEY (event, address)
);

CREATE TABLE occurrences (
  lineage         text NOT NULL,
  scheduled_at    bigint NOT NULL,
  class           text NOT NULL,
  request         text NOT NULL,
  occurrence_id   text NOT NULL,
  key             text NOT NULL,
  last_at         bigint NOT NULL,
  count           bigint NOT NULL,
  decision        text NOT NULL,
  reason          text NOT NULL,
  related         text,
  digest          text NOT NULL,
  fence           bigint NOT NULL,
  attempt         bigint NOT NULL,
  decided_at      bigint NOT NULL,
  source          text NOT NULL,
  lease_until     bigint,
  deadline        bigint,
  idempotency_key text,
  payload         text,
  roots           text,
  run             text,
  run_ended_at    bigint,
  run_detail      text,
  open            bigint NOT NULL,
  PRIMARY KEY (lineage, scheduled_at, class, request)
);
CREATE UNIQUE INDEX occurrences_request ON occurrences (occurrence_id) WHERE class <> 'scheduled';
CREATE INDEX occurrences_open ON occurrences (lineage) WHERE open = 2;
CREATE INDEX occurrences_idempotency ON occurrences (lineage, class, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX occurrences_over ON occurrences (decided_at) WHERE open = 0;

CREATE TABLE parts (
  run          text NOT NULL,
  part         text NOT NULL,
  lineage      text NOT NULL,
  address      text NOT NULL,
  state        text NOT NULL,
  outcome      text,
  fence        bigint NOT NULL,
  permit_until bigint,
  worker       text,
  begun_at     bigint,
  ended_at     bigint,
  begins       bigint NOT NULL,
  detail       text,
  PRIMARY KEY (run, part)
);

CREATE TABLE calls (
  key    text NOT NULL,
  day    text NOT NULL,
  answer text NOT NULL,
  count  bigint NOT NULL,
  PRIMARY KEY (key, day, answer)
);
CREATE TABLE recent_calls (
  id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key    text NOT NULL,
  at     bigint NOT NULL,
  answer text NOT NULL,
  detail text NOT NULL
);
CREATE INDEX recent_calls_key ON recent_calls (key, id);

CREATE TABLE audit (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at      bigint NOT NULL,
  lineage text NOT NULL,
  act     text NOT NULL,
  by      text NOT NULL,
  detail  text NOT NULL
);

CREATE TABLE workers (
  address text NOT NULL,
  worker  text NOT NULL,
  seen_at bigint NOT NULL,
  PRIMARY KEY (address, worker)
);

-- Jobs: leased, retried, dead-lettered, remembered when done.
CREATE TABLE mail (
  id           text PRIMARY KEY,
  address      text NOT NULL,
  body         text,
  state        text NOT NULL,   -- ready | done | dead
  visible_at   bigint NOT NULL,
  lease        text,
  attempts     bigint NOT NULL,
  max_attempts bigint NOT NULL,
  created_at   bigint NOT NULL,
  done_at      bigint,
  reason       text
);
CREATE INDEX mail_ready ON mail (address, visible_at) WHERE state = 'ready';
CREATE INDEX mail_dead ON mail (address) WHERE state = 'dead';
CREATE INDEX mail_done ON mail (done_at) WHERE state = 'done';
