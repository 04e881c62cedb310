-- Near duplicates: sketches of signals that a model read, and what was taken over from earlier signals or checked for it.

CREATE TABLE sketch (
  signal_id INTEGER PRIMARY KEY REFERENCES signal (id),
  signature BLOB NOT NULL
) STRICT;

CREATE TABLE sketch_band (
  hash INTEGER NOT NULL,
  signal_id INTEGER NOT NULL REFERENCES sketch (signal_id),
  PRIMARY KEY (hash, signal_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE reuse (
  id INTEGER PRIMARY KEY,
  icp_id INTEGER NOT NULL REFERENCES icp (id),
  signal_id INTEGER NOT NULL REFERENCES signal (id),
  of_signal_id INTEGER NOT NULL REFERENCES signal (id),
  kind TEXT NOT NULL CHECK (kind IN ('twin', 'near', 'check')),
  scope TEXT NOT NULL,
  similarity REAL NOT NULL,
  predicted TEXT NOT NULL DEFAULT '',
  found TEXT NOT NULL DEFAULT '',
  wrong INTEGER NOT NULL DEFAULT 0,
  certified INTEGER NOT NULL DEFAULT 0,
  calls INTEGER NOT NULL DEFAULT 0,
  tokens INTEGER NOT NULL DEFAULT 0,
  at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX reuse_evidence ON reuse (icp_id, scope, kind, of_signal_id, wrong, certified);
CREATE UNIQUE INDEX reuse_once ON reuse (signal_id, icp_id, scope);
