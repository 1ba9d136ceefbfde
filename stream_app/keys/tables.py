"""The two tables of a sealed store, in the SQL that SQLite and PostgreSQL share.

``meter_keys`` holds one immutable row per title and key version; only a rewrap may put other envelopes into it.
``key_journal`` is append-only and both history and status: a version is NEW until it is promoted, ACTIVE from then on,
and EXPIRED for good once it is expired. Triggers refuse everything else. Times are epoch milliseconds.
"""

from __future__ import annotations

from typing import Final

TABLES: Final = """
CREATE TABLE IF NOT EXISTS meter_keys (
    title TEXT NOT NULL,
    version INTEGER NOT NULL,
    encryption {octets} NOT NULL,
    encryption_kcv {octets} NOT NULL,
    authentication {octets},
    authentication_kcv {octets},
    kek TEXT NOT NULL,
    valid_from BIGINT,
    comment TEXT NOT NULL,
    imported_at BIGINT NOT NULL,
    PRIMARY KEY (title, version)
);
CREATE TABLE IF NOT EXISTS key_journal (
    id {counter},
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL CHECK (what IN ('import', 'promote', 'expire', 'reset', 'reveal', 'rewrap')),
    title TEXT,
    version INTEGER,
    detail TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS promoted_once ON key_journal (title, version) WHERE what = 'promote';
CREATE UNIQUE INDEX IF NOT EXISTS expired_once ON key_journal (title, version) WHERE what = 'expire';
CREATE INDEX IF NOT EXISTS changes_of_the_ring ON key_journal (id) WHERE what NOT IN ('promote', 'reveal');
"""
IMMUTABLE: Final = "title, version, encryption_kcv, authentication_kcv, valid_from, comment, imported_at"

REVISION: Final = "SELECT max(id) FROM key_journal WHERE what NOT IN ('promote', 'reveal')"
RESETS: Final = "SELECT title, count(*) FROM key_journal WHERE what = 'reset' GROUP BY title"
CHECK_VALUES: Final = "SELECT title, version, encryption_kcv, authentication_kcv FROM meter_keys AS k"
ENVELOPES: Final = "SELECT title, version, kek, encryption, authentication FROM meter_keys AS k"
EXPIRED: Final = """WHERE EXISTS (
    SELECT 1 FROM key_journal AS j WHERE j.title = k.title AND j.version = k.version AND j.what = 'expire')"""
IN_FORCE: Final = EXPIRED.replace("EXISTS", "NOT EXISTS")
OLDEST_UNDER: Final = f"{IN_FORCE} AND kek = ? ORDER BY imported_at, title, version LIMIT 1"
ONE: Final = "WHERE title = ? AND version = ?"
STATUS: Final = """
SELECT k.title, k.version, k.encryption_kcv, k.authentication_kcv, k.kek, k.valid_from, k.comment,
       CASE WHEN e.id IS NOT NULL THEN 'EXPIRED' WHEN p.id IS NOT NULL THEN 'ACTIVE' ELSE 'NEW' END
FROM meter_keys AS k
LEFT JOIN key_journal AS p ON p.title = k.title AND p.version = k.version AND p.what = 'promote'
LEFT JOIN key_journal AS e ON e.title = k.title AND e.version = k.version AND e.what = 'expire'
WHERE k.title LIKE ? ORDER BY k.title, k.version
"""
REPLACED: Final = """
SELECT k.title, k.version FROM meter_keys AS k WHERE EXISTS (
    SELECT 1 FROM key_journal AS p
    WHERE p.title = k.title AND p.version > k.version AND p.what = 'promote' AND p.at <= ?)
AND NOT EXISTS (
    SELECT 1 FROM key_journal AS e WHERE e.title = k.title AND e.version = k.version AND e.what = 'expire')
"""
JOURNAL: Final = "SELECT at, who, what, title, version, detail FROM key_journal ORDER BY id"

ADD_KEY: Final = """
INSERT INTO meter_keys (title, version, kek, encryption, authentication, encryption_kcv, authentication_kcv,
                        valid_from, comment, imported_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
RESEAL: Final = "UPDATE meter_keys SET kek = ?, encryption = ?, authentication = ? WHERE title = ? AND version = ?"
NOTE: Final = "INSERT INTO key_journal (at, who, what, title, version, detail) VALUES (?, ?, ?, ?, ?, ?)"
NOTE_ONCE: Final = """
INSERT INTO key_journal (at, who, what, title, version, detail) SELECT ?, ?, ?, title, version, ?
FROM meter_keys WHERE title = ? AND version = ? ON CONFLICT DO NOTHING
"""
