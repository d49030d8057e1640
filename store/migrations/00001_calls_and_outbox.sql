-- +goose Up
-- Times are microseconds since 1970 UTC; 0 is never. Only what is queried is a column; the record itself is JSON.
CREATE TABLE calls (
    id        TEXT   NOT NULL PRIMARY KEY, -- ids sort by the moment they were made
    direction TEXT   NOT NULL,
    agent     TEXT   NOT NULL,
    queue     TEXT   NOT NULL,
    customer  TEXT   NOT NULL,             -- number; empty: withheld
    started   BIGINT NOT NULL,
    ended     BIGINT NOT NULL,             -- 0: the call goes on
    reason    TEXT   NOT NULL,
    record    TEXT   NOT NULL
);
CREATE INDEX calls_open ON calls (id) WHERE ended = 0;

-- Who had a part in a call: placed it, took it, was called, or let it ring.
CREATE TABLE parts (
    agent TEXT NOT NULL,
    id    TEXT NOT NULL,                   -- of the call
    PRIMARY KEY (agent, id)
) WITHOUT ROWID;
CREATE INDEX calls_of_queue ON calls (queue, id);

CREATE TABLE outbox (
    kind       TEXT    NOT NULL,
    id         TEXT    NOT NULL,           -- the message's key
    body       TEXT    NOT NULL,           -- undelivered fields, a JSON object
    since      BIGINT  NOT NULL,           -- when the oldest of them was put in
    due        BIGINT  NOT NULL,
    late       TEXT,                       -- fields that came while the row was leased
    late_since BIGINT  NOT NULL DEFAULT 0,
    late_due   BIGINT  NOT NULL DEFAULT 0,
    lease      BIGINT  NOT NULL DEFAULT 0, -- 0: nobody has it
    held_until BIGINT  NOT NULL DEFAULT 0,
    attempts   INTEGER NOT NULL DEFAULT 0,
    parked     INTEGER NOT NULL DEFAULT 0,
    reason     TEXT    NOT NULL DEFAULT '', -- of the last failure
    PRIMARY KEY (kind, id)
);
CREATE INDEX outbox_due ON outbox (kind, parked, due);
CREATE INDEX outbox_age ON outbox (parked, since);

CREATE TABLE settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL                    -- base64
);

-- +goose Down
DROP TABLE settings;
DROP TABLE outbox;
DROP TABLE calls;
