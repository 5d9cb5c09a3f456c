"""What the platform keeps, in one SQLite file: batches, rows, and each row's verdict."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS batch (cd_batch TEXT PRIMARY KEY, cd_source TEXT, received_at REAL);
CREATE TABLE IF NOT EXISTS entry (
    cd_id TEXT, cd_operation TEXT, version INTEGER, place INTEGER, content TEXT, due_at REAL,
    state TEXT, field TEXT, code TEXT, PRIMARY KEY (cd_id, cd_operation, version));
CREATE TABLE IF NOT EXISTS sent (
    cd_batch TEXT, cd_id TEXT, cd_operation TEXT, version INTEGER,
    PRIMARY KEY (cd_batch, cd_id, cd_operation, version));
CREATE INDEX IF NOT EXISTS entry_due ON entry (due_at) WHERE state = 'pending';
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row as it was sent, under its identity."""

    cd_id: str
    operation: str
    version: int
    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a row."""

    cd_id: str
    state: str
    field: str | None
    code: str | None


@contextmanager
def open_file(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the file for one transaction."""
    with closing(sqlite3.connect(path, timeout=10)) as connection, connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


def prepare(path: Path) -> None:
    """Make the tables."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(_SCHEMA)


def receive(
    tx: sqlite3.Connection, batch: tuple[str, str], entries: list[Entry], *, at: float, due: float
) -> None:
    """Keep a batch; a row that came before under the same identity keeps its first content."""
    cd_batch, cd_source = batch
    tx.execute("INSERT OR IGNORE INTO batch VALUES (?, ?, ?)", (cd_batch, cd_source, at))
    for entry in entries:
        identity = (entry.cd_id, entry.operation, entry.version)
        content = json.dumps(entry.content, ensure_ascii=False)
        tx.execute(
            "INSERT OR IGNORE INTO entry VALUES (?, ?, ?, (SELECT count(*) FROM entry), ?, ?,"
            " 'pending', NULL, NULL)",
            (*identity, content, due),
        )
        tx.execute("INSERT OR IGNORE INTO sent VALUES (?, ?, ?, ?)", (cd_batch, *identity))


def due(tx: sqlite3.Connection, *, at: float) -> list[Entry]:
    """List the rows whose time has come, in the order in which they came."""
    query = (
        "SELECT cd_id, cd_operation, version, content FROM entry"
        " WHERE state = 'pending' AND due_at <= ? ORDER BY place"
    )
    return [
        Entry(cd_id, operation, version, json.loads(content))
        for cd_id, operation, version, content in tx.execute(query, (at,))
    ]


def seen(tx: sqlite3.Connection, cd_id: str) -> set[str]:
    """Give the states that earlier rows of this cd_id have come to."""
    query = "SELECT DISTINCT state FROM entry WHERE cd_id = ? AND state != 'pending'"
    return {state for (state,) in tx.execute(query, (cd_id,))}


def judge(tx: sqlite3.Connection, entry: Entry, verdict: Verdict) -> None:
    """Write a row's verdict."""
    tx.execute(
        "UPDATE entry SET state = ?, field = ?, code = ?"
        " WHERE (cd_id, cd_operation, version) = (?, ?, ?)",
        (verdict.state, verdict.field, verdict.code, entry.cd_id, entry.operation, entry.version),
    )


def verdicts(tx: sqlite3.Connection, cd_batch: str) -> list[Verdict] | None:
    """Give what became of a batch's rows; None when there is no such batch."""
    if not tx.execute("SELECT 1 FROM batch WHERE cd_batch = ?", (cd_batch,)).fetchone():
        return None
    query = (
        "SELECT cd_id, state, field, code FROM sent"
        " JOIN entry USING (cd_id, cd_operation, version) WHERE cd_batch = ? ORDER BY place"
    )
    return [Verdict(*row) for row in tx.execute(query, (cd_batch,))]
