-- A dossier that a person asked for goes ahead of those that leads got by their score, also after a restart.

ALTER TABLE dossier ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
