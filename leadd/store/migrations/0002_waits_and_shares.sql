-- What an answer waited in leadd's own queue, what of the text was shown (null where all of it), and whose place the answer's
-- model took; and a short way to the triage of an ICP, for weighing evidence by verdicts.

ALTER TABLE judgement ADD COLUMN wait_ms REAL NOT NULL DEFAULT 0;
ALTER TABLE judgement ADD COLUMN shown TEXT;
ALTER TABLE judgement ADD COLUMN instead_of TEXT NOT NULL DEFAULT '';
CREATE INDEX judgement_triage ON judgement (icp_id, id) WHERE stage = 'triage';
