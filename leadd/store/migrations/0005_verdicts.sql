-- Verdicts as learning needs them: on leads and on signals that were dropped, for which ICP, by whom, and what the prefilter
-- had said at that time. A verdict that was taken back stays as a row. A snoozed lead keeps the time at which it comes back.

CREATE TABLE verdict_kept (
  id INTEGER PRIMARY KEY,
  lead_id INTEGER REFERENCES lead (id),
  signal_id INTEGER REFERENCES signal (id),
  icp_id INTEGER REFERENCES icp (id),
  verdict TEXT NOT NULL CHECK (verdict IN ('accept', 'reject', 'snooze', 'won', 'lost')),
  note TEXT NOT NULL,
  by_whom TEXT NOT NULL DEFAULT 'user' CHECK (by_whom IN ('user', 'api')),
  score INTEGER,
  prefilter_score REAL,
  prefilter_threshold REAL,
  dropped_by TEXT NOT NULL DEFAULT '',
  until_ms INTEGER,
  status_before TEXT,
  status_by_before TEXT,
  status_after TEXT,
  created_at_ms INTEGER NOT NULL,
  undone_at_ms INTEGER,
  CHECK (lead_id IS NOT NULL OR signal_id IS NOT NULL)
) STRICT;
INSERT INTO verdict_kept (
  id, lead_id, signal_id, icp_id, verdict, note, score, prefilter_score, prefilter_threshold, created_at_ms
)
SELECT v.id, v.lead_id, l.signal_id, l.icp_id, v.verdict, v.note, v.score, j.score, j.threshold, v.created_at_ms
FROM verdict AS v JOIN lead AS l ON l.id = v.lead_id LEFT JOIN judgement AS j ON j.id = (
  SELECT max(p.id) FROM judgement AS p
  WHERE p.signal_id = l.signal_id AND p.icp_id = l.icp_id AND p.stage = 'prefilter' AND p.created_at_ms <= v.created_at_ms
);
DROP TABLE verdict;
ALTER TABLE verdict_kept RENAME TO verdict;
CREATE INDEX verdict_lead ON verdict (lead_id, id) WHERE lead_id IS NOT NULL;
CREATE INDEX verdict_signal ON verdict (signal_id, id) WHERE signal_id IS NOT NULL;
CREATE INDEX verdict_icp ON verdict (icp_id, id);

ALTER TABLE lead ADD COLUMN snoozed_until_ms INTEGER;

-- New vectors are found, and all of a space are counted, without reading a single one of them.
CREATE INDEX embedding_made ON embedding (subject, digest, model, created_at_ms);
