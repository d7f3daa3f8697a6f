"""The SQLite index over run folders: only a cache, rebuilt from the folders whenever in doubt."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from workbench.core import events as ev
from workbench.core.job import JobState, advance
from workbench.core.problem import InputError
from workbench.store.runfolder import EventTail, RunConfig, RunFolder

SCHEMA = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, created REAL, offset INTEGER, config BLOB, state BLOB,
    last BLOB, highest BLOB, lowest BLOB
);
CREATE INDEX IF NOT EXISTS runs_created ON runs (created DESC);
"""


class RunRow(msgspec.Struct, frozen=True):
    """One run as lists show it; `last`, `highest` and `lowest` are metric values by 'name/series'."""

    id: str
    config: RunConfig
    state: JobState
    last: dict[str, float]
    highest: dict[str, float]
    lowest: dict[str, float]


class Index:
    """Rows of all runs below a folder; `refresh` reads only what was appended since."""

    def __init__(self, path: Path, runs: Path) -> None:
        self.path, self.runs = path, runs

    def refresh(self) -> list[RunRow]:
        """All runs, newest first, after reading what changed on disk."""
        try:
            with self._open() as db:
                self._update(db)
                return _rows(db)
        except sqlite3.DatabaseError:
            return self.rebuild()

    def rebuild(self) -> list[RunRow]:
        """Throw the index away and read every folder again."""
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        with self._open() as db:
            self._update(db)
            return _rows(db)

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self.path, timeout=10)
        try:
            if db.execute("PRAGMA user_version").fetchone()[0] not in (0, SCHEMA):
                db.execute("DROP TABLE IF EXISTS runs")
            db.execute("PRAGMA journal_mode=WAL")
            db.executescript(_TABLES)
            db.execute(f"PRAGMA user_version={SCHEMA}")
            with db:
                yield db
        finally:
            db.close()

    def _update(self, db: sqlite3.Connection) -> None:
        known = dict(db.execute("SELECT id, offset FROM runs"))
        present = {path.name: path for path in self.runs.iterdir() if (path / "run.json").exists()}
        db.executemany("DELETE FROM runs WHERE id = ?", [(gone,) for gone in known.keys() - present.keys()])
        for name, path in present.items():
            folder = RunFolder(path)
            size = folder.events_path.stat().st_size if folder.events_path.exists() else 0
            if known.get(name) != size:
                _store(db, folder, fresh=known.get(name, size + 1) > size)


def _store(db: sqlite3.Connection, folder: RunFolder, *, fresh: bool) -> None:
    try:
        config = folder.config()
    except InputError:
        return
    tail = EventTail(folder.events_path)
    state, last, high, low = JobState(), {}, {}, {}
    row = None if fresh else db.execute(
        "SELECT offset, state, last, highest, lowest FROM runs WHERE id = ?", (folder.id,)
    ).fetchone()  # fmt: skip
    if row is not None:
        tail.offset = row[0]
        state = msgspec.json.decode(row[1], type=JobState)
        last, high, low = (msgspec.json.decode(blob, type=dict[str, float]) for blob in row[2:])
    for event in tail.read():
        state = advance(state, event)
        if isinstance(event, ev.Metric) and event.value is not None:
            key = f"{event.name}/{event.series}" if event.series else event.name
            last[key] = event.value
            high[key] = max(high.get(key, event.value), event.value)
            low[key] = min(low.get(key, event.value), event.value)
    blobs = [ev.encode(one) for one in (config, state, last, high, low)]
    db.execute(
        "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (folder.id, config.created, tail.offset, *blobs),
    )


def _rows(db: sqlite3.Connection) -> list[RunRow]:
    decode = msgspec.json.decode
    return [
        RunRow(
            id=name,
            config=decode(config, type=RunConfig),
            state=decode(state, type=JobState),
            last=decode(last, type=dict[str, float]),
            highest=decode(high, type=dict[str, float]),
            lowest=decode(low, type=dict[str, float]),
        )
        for name, config, state, last, high, low in db.execute(
            "SELECT id, config, state, last, highest, lowest FROM runs ORDER BY created DESC"
        )
    ]
