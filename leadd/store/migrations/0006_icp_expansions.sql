-- What the words of an ICP were spelt out to: terms that a model gave for one wording of it (`basis`), and what the user made of
-- the whole. An ICP without a row is spelt out by the shipped table alone.

CREATE TABLE icp_expansion (
  icp_id INTEGER PRIMARY KEY REFERENCES icp (id),
  basis TEXT NOT NULL,
  model TEXT NOT NULL DEFAULT '',
  terms TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(terms)),
  edited TEXT CHECK (edited IS NULL OR json_valid(edited)),
  updated_at_ms INTEGER NOT NULL
) STRICT;
