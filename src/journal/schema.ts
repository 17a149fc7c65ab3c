/** The journal's tables. Additions only: an older journal is brought up by the next numbered entry. */
export const migrations: readonly string[] = [
  `CREATE TABLE state (
     name  TEXT PRIMARY KEY,
     value TEXT NOT NULL
   ) STRICT;
   CREATE TABLE transitions (
     id          INTEGER PRIMARY KEY,
     started_at  TEXT NOT NULL,
     role_before TEXT NOT NULL,
     role        TEXT NOT NULL,
     cause       TEXT NOT NULL,
     outcome     TEXT,
     ended_at    TEXT,
     ms          REAL
   ) STRICT;
   CREATE TABLE steps (
     id            INTEGER PRIMARY KEY,
     transition_id INTEGER REFERENCES transitions(id),
     started_at    TEXT NOT NULL,
     step          TEXT NOT NULL,
     detail        TEXT,
     outcome       TEXT NOT NULL,
     error         TEXT,
     ms            REAL NOT NULL
   ) STRICT;
   CREATE INDEX steps_by_transition ON steps(transition_id);
   CREATE TABLE snapshots (
     id         INTEGER PRIMARY KEY,
     at         TEXT NOT NULL,
     snapshot   TEXT NOT NULL,
     event      TEXT NOT NULL,
     peer       TEXT,
     bytes      INTEGER,
     ms         REAL,
     detail     TEXT
   ) STRICT;
   CREATE INDEX snapshots_by_event ON snapshots(event, at);
   CREATE TABLE notes (
     id     INTEGER PRIMARY KEY,
     at     TEXT NOT NULL,
     kind   TEXT NOT NULL,
     detail TEXT NOT NULL
   ) STRICT;`,
  // What was planned at each look of a transition, as JSON: null where a version before this one wrote it.
  "ALTER TABLE transitions ADD COLUMN plan TEXT;",
];
