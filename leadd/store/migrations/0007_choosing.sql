-- Choosing with a promise: what the prefilter let pass and what became of it, and the state that thresholds rest on.

-- A scorer that learnt from verdicts, for one ICP as it read then (content: its hash).
CREATE TABLE scorer (
  id INTEGER PRIMARY KEY,
  icp_id INTEGER NOT NULL REFERENCES icp (id),
  content TEXT NOT NULL,
  version TEXT NOT NULL,
  body BLOB NOT NULL,
  verdicts INTEGER NOT NULL,
  labels INTEGER NOT NULL,
  dropped INTEGER NOT NULL,
  made_at_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX scorer_version ON scorer (icp_id, content, version);

-- One promise: of one ICP with its prompts and models (scope), by one way of scoring (epoch).
CREATE TABLE chooser (
  id INTEGER PRIMARY KEY,
  icp_id INTEGER NOT NULL REFERENCES icp (id),
  scope TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  deciding TEXT NOT NULL,
  ranking TEXT NOT NULL,
  fixed TEXT NOT NULL,
  learnt TEXT NOT NULL,
  state TEXT NOT NULL,
  cursor INTEGER NOT NULL DEFAULT 0,
  user_cursor INTEGER NOT NULL DEFAULT 0,
  trained INTEGER NOT NULL DEFAULT 0,
  made_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX chooser_epoch ON chooser (icp_id, scope, epoch);

-- A signal that was read: its score, the policy that let it pass or drew it for an audit, and the model's last word.
CREATE TABLE choice (
  id INTEGER PRIMARY KEY,
  chooser_id INTEGER NOT NULL REFERENCES chooser (id),
  signal_id INTEGER NOT NULL REFERENCES signal (id),
  score REAL NOT NULL,
  threshold REAL NOT NULL,
  floor REAL NOT NULL,
  near REAL NOT NULL,
  reach REAL NOT NULL,
  audited INTEGER NOT NULL,
  matched INTEGER NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX choice_once ON choice (chooser_id, signal_id);
CREATE INDEX choice_order ON choice (chooser_id, id);
CREATE INDEX choice_signal ON choice (signal_id);
CREATE INDEX choice_audited ON choice (chooser_id, matched) WHERE audited = 1;

-- How many signals came with which score, read or dropped.
CREATE TABLE arrival (
  chooser_id INTEGER NOT NULL REFERENCES chooser (id),
  bin INTEGER NOT NULL,
  passed INTEGER NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (chooser_id, bin, passed)
) STRICT, WITHOUT ROWID;
