CREATE TABLE activity (
  id INTEGER PRIMARY KEY,
  lead_id INTEGER NOT NULL REFERENCES lead (id),
  at_ms INTEGER NOT NULL,
  kind TEXT NOT NULL,
  actor TEXT NOT NULL,
  text TEXT NOT NULL,
  data TEXT NOT NULL DEFAULT '{}'
) STRICT;

CREATE TABLE arrival (
  chooser_id INTEGER NOT NULL REFERENCES chooser (id),
  bin INTEGER NOT NULL,
  passed INTEGER NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (chooser_id, bin, passed)
) STRICT, WITHOUT ROWID;

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

CREATE TABLE company (
  id INTEGER PRIMARY KEY,
  name TEXT,
  name_key TEXT,
  domain TEXT,
  website TEXT,
  location TEXT,
  merged_into INTEGER REFERENCES company (id),
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  CHECK (name_key IS NOT NULL OR domain IS NOT NULL)
) STRICT;

CREATE TABLE contact (
  id INTEGER PRIMARY KEY,
  lead_id INTEGER NOT NULL REFERENCES lead (id),
  kind TEXT NOT NULL,
  value TEXT NOT NULL,
  signal_id INTEGER REFERENCES signal (id),
  created_at_ms INTEGER NOT NULL,
  UNIQUE (lead_id, kind, value)
) STRICT;

CREATE TABLE dossier (
  lead_id INTEGER PRIMARY KEY REFERENCES lead (id),
  state TEXT NOT NULL DEFAULT 'wanted' CHECK (state IN ('wanted', 'leased', 'done', 'held')),
  answer TEXT,
  judgement_id INTEGER REFERENCES judgement (id),
  failure TEXT NOT NULL DEFAULT '',
  attempts INTEGER NOT NULL DEFAULT 0,
  crashes INTEGER NOT NULL DEFAULT 0,
  due_ms INTEGER NOT NULL,
  lease_owner TEXT,
  leased_until_ms INTEGER,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL
, priority INTEGER NOT NULL DEFAULT 0) STRICT;

CREATE TABLE embedding (
  subject TEXT NOT NULL CHECK (subject IN ('signal', 'lead', 'icp')),
  subject_id INTEGER NOT NULL,
  model TEXT NOT NULL,
  digest TEXT NOT NULL,
  dimensions INTEGER NOT NULL,
  vector BLOB NOT NULL,
  created_at_ms INTEGER NOT NULL,
  PRIMARY KEY (subject, subject_id, model, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE experiment (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  prompt TEXT NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body)),
  state TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  ended_at_ms INTEGER
) STRICT;

CREATE TABLE icp (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body)),
  enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  content_hash TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  deleted_at_ms INTEGER
) STRICT;

CREATE TABLE icp_expansion (
  icp_id INTEGER PRIMARY KEY REFERENCES icp (id),
  basis TEXT NOT NULL,
  model TEXT NOT NULL DEFAULT '',
  terms TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(terms)),
  edited TEXT CHECK (edited IS NULL OR json_valid(edited)),
  updated_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE judgement (
  id INTEGER PRIMARY KEY,
  signal_id INTEGER NOT NULL REFERENCES signal (id),
  icp_id INTEGER REFERENCES icp (id),
  lead_id INTEGER REFERENCES lead (id),
  stage TEXT NOT NULL,
  decision TEXT NOT NULL,
  score REAL,
  threshold REAL,
  method TEXT NOT NULL,
  rule TEXT NOT NULL,
  answer TEXT,
  reasons TEXT NOT NULL,
  key TEXT NOT NULL,
  prompt TEXT NOT NULL,
  prompt_hash TEXT NOT NULL,
  model TEXT NOT NULL,
  digest TEXT NOT NULL,
  server_version TEXT NOT NULL,
  cache TEXT NOT NULL,
  prompt_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  load_ms REAL NOT NULL,
  prompt_ms REAL NOT NULL,
  output_ms REAL NOT NULL,
  queue_ms REAL NOT NULL,
  total_ms REAL NOT NULL,
  done_reason TEXT NOT NULL,
  failure TEXT NOT NULL,
  raw TEXT NOT NULL,
  superseded INTEGER NOT NULL DEFAULT 0,
  created_at_ms INTEGER NOT NULL
, wait_ms REAL NOT NULL DEFAULT 0, shown TEXT, instead_of TEXT NOT NULL DEFAULT '') STRICT;

CREATE TABLE lead (
  id INTEGER PRIMARY KEY,
  icp_id INTEGER NOT NULL REFERENCES icp (id),
  company_id INTEGER REFERENCES company (id),
  person_key TEXT,
  name TEXT NOT NULL,
  score INTEGER NOT NULL,
  bucket TEXT NOT NULL CHECK (bucket IN ('filtered', 'parked', 'nurture', 'warm', 'red_hot')),
  method TEXT NOT NULL,
  revision INTEGER NOT NULL DEFAULT 1,
  status TEXT NOT NULL DEFAULT 'new',
  status_by TEXT NOT NULL DEFAULT 'leadd',
  reasons TEXT NOT NULL DEFAULT '[]',
  classification TEXT NOT NULL DEFAULT '{}',
  signal_id INTEGER REFERENCES signal (id),
  search_text TEXT NOT NULL DEFAULT '',
  merged_into INTEGER REFERENCES lead (id),
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  deleted_at_ms INTEGER, snoozed_until_ms INTEGER,
  CHECK ((company_id IS NULL) <> (person_key IS NULL))
) STRICT;

CREATE TABLE lead_signal (
  lead_id INTEGER NOT NULL REFERENCES lead (id),
  signal_id INTEGER NOT NULL REFERENCES signal (id),
  method TEXT NOT NULL,
  score INTEGER NOT NULL,
  bucket TEXT NOT NULL,
  reasons TEXT NOT NULL,
  classification TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  PRIMARY KEY (lead_id, signal_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE migration (
  version INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  content_hash TEXT NOT NULL,
  applied_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE outbox (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  sink TEXT NOT NULL,
  lead_id INTEGER REFERENCES lead (id),
  revision INTEGER NOT NULL,
  event TEXT NOT NULL,
  payload TEXT,
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'leased', 'delivered', 'dead', 'dropped')),
  lease_owner TEXT,
  leased_until_ms INTEGER,
  due_ms INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  crashes INTEGER NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '',
  receipt TEXT,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE prompt_version (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  content_hash TEXT NOT NULL,
  text TEXT NOT NULL,
  first_at_ms INTEGER NOT NULL,
  last_at_ms INTEGER NOT NULL,
  UNIQUE (name, version, content_hash)
) STRICT;

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

CREATE TABLE schedule (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL CHECK (json_valid(value)),
  updated_at_ms INTEGER NOT NULL
) STRICT;

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

CREATE TABLE signal (
  id INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  dedupe_key TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'leased', 'done', 'held')),
  outcome TEXT CHECK (outcome IN ('filtered', 'parked', 'nurture', 'warm', 'red_hot', 'held')),
  method TEXT,
  hold_reason TEXT,
  waiting_for TEXT,
  asked_by_person INTEGER NOT NULL DEFAULT 0 CHECK (asked_by_person IN (0, 1)),
  due_ms INTEGER NOT NULL,
  lease_owner TEXT,
  leased_until_ms INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  crashes INTEGER NOT NULL DEFAULT 0,
  company_id INTEGER REFERENCES company (id),
  found_at_ms INTEGER NOT NULL,
  posted_at_ms INTEGER,
  content_hash TEXT NOT NULL,
  external_id TEXT,
  url TEXT,
  title TEXT NOT NULL,
  company TEXT,
  company_website TEXT,
  location TEXT,
  author TEXT,
  source_type TEXT NOT NULL,
  extra TEXT NOT NULL DEFAULT '{}',
  contacts TEXT NOT NULL DEFAULT '[]',
  text TEXT NOT NULL,
  UNIQUE (source, dedupe_key)
) STRICT;

CREATE TABLE sketch (
  signal_id INTEGER PRIMARY KEY REFERENCES signal (id),
  signature BLOB NOT NULL
) STRICT;

CREATE TABLE sketch_band (
  hash INTEGER NOT NULL,
  signal_id INTEGER NOT NULL REFERENCES sketch (signal_id),
  PRIMARY KEY (hash, signal_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE source_cursor (
  source TEXT PRIMARY KEY,
  cursor TEXT NOT NULL,
  updated_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE source_problem (
  id INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  place TEXT NOT NULL,
  reason TEXT NOT NULL,
  hint TEXT NOT NULL,
  count INTEGER NOT NULL DEFAULT 1,
  first_at_ms INTEGER NOT NULL,
  last_at_ms INTEGER NOT NULL,
  UNIQUE (source, place, reason)
) STRICT;

CREATE TABLE "verdict" (
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

CREATE INDEX activity_lead ON activity (lead_id, id);

CREATE INDEX choice_audited ON choice (chooser_id, matched) WHERE audited = 1;

CREATE UNIQUE INDEX choice_once ON choice (chooser_id, signal_id);

CREATE INDEX choice_order ON choice (chooser_id, id);

CREATE INDEX choice_signal ON choice (signal_id);

CREATE UNIQUE INDEX chooser_epoch ON chooser (icp_id, scope, epoch);

CREATE UNIQUE INDEX company_domain ON company (domain) WHERE domain IS NOT NULL AND merged_into IS NULL;

CREATE UNIQUE INDEX company_name_alone ON company (name_key) WHERE domain IS NULL AND merged_into IS NULL;

CREATE INDEX company_name_key ON company (name_key) WHERE merged_into IS NULL;

CREATE INDEX dossier_open ON dossier (state, due_ms) WHERE state IN ('wanted', 'leased');

CREATE INDEX embedding_made ON embedding (subject, digest, model, created_at_ms);

CREATE UNIQUE INDEX icp_name ON icp (name) WHERE deleted_at_ms IS NULL;

CREATE INDEX judgement_created ON judgement (created_at_ms);

CREATE INDEX judgement_signal ON judgement (signal_id, icp_id, stage);

CREATE INDEX judgement_triage ON judgement (icp_id, id) WHERE stage = 'triage';

CREATE UNIQUE INDEX lead_company ON lead (icp_id, company_id) WHERE company_id IS NOT NULL AND merged_into IS NULL;

CREATE INDEX lead_of_company ON lead (company_id) WHERE company_id IS NOT NULL;

CREATE UNIQUE INDEX lead_person ON lead (icp_id, person_key) WHERE person_key IS NOT NULL AND merged_into IS NULL;

CREATE INDEX lead_score ON lead (score, id) WHERE deleted_at_ms IS NULL;

CREATE INDEX lead_signal_signal ON lead_signal (signal_id);

CREATE INDEX lead_updated ON lead (updated_at_ms, id) WHERE deleted_at_ms IS NULL;

CREATE INDEX outbox_due ON outbox (sink, due_ms, id) WHERE state = 'pending';

CREATE INDEX outbox_leased ON outbox (leased_until_ms) WHERE state = 'leased';

CREATE UNIQUE INDEX outbox_once ON outbox (lead_id, sink, revision) WHERE lead_id IS NOT NULL;

CREATE INDEX outbox_standing ON outbox (sink, state);

CREATE INDEX reuse_evidence ON reuse (icp_id, scope, kind, of_signal_id, wrong, certified);

CREATE UNIQUE INDEX reuse_once ON reuse (signal_id, icp_id, scope);

CREATE UNIQUE INDEX scorer_version ON scorer (icp_id, content, version);

CREATE INDEX signal_company ON signal (company_id) WHERE company_id IS NOT NULL;

CREATE INDEX signal_content ON signal (content_hash);

CREATE INDEX signal_leased ON signal (leased_until_ms, crashes) WHERE state = 'leased';

CREATE INDEX signal_ready ON signal (asked_by_person, due_ms, id)
  WHERE state = 'new' AND waiting_for IS NULL AND crashes < 2;

CREATE INDEX signal_standing ON signal (state, outcome);

CREATE INDEX signal_suspect ON signal (due_ms, id) WHERE state = 'new' AND crashes >= 2;

CREATE INDEX signal_waiting ON signal (asked_by_person, due_ms, id)
  WHERE state = 'new' AND waiting_for IS NOT NULL AND crashes < 2;

CREATE INDEX source_problem_last ON source_problem (source, last_at_ms, id);

CREATE INDEX verdict_icp ON verdict (icp_id, id);

CREATE INDEX verdict_lead ON verdict (lead_id, id) WHERE lead_id IS NOT NULL;

CREATE INDEX verdict_signal ON verdict (signal_id, id) WHERE signal_id IS NOT NULL;

