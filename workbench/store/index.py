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

SCHEMA = 2
_TABLES = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, created REAL, offset INTEGER, stamp INTEGER, config BLOB, state BLOB,
    last BLOB, highest BLOB, lowest BLOB
);
CREATE INDEX IF NOT EXISTS runs_created ON runs (created DESC);
"""

_MEMORY = ":memory:"
_IN_THE_WAY = frozenset(
    {
        sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM,
    }
)  # fmt: skip


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
            return self._read(str(self.path))
        except sqlite3.DatabaseError as error:
            # A locked or read-only file is somebody else's to mend; a damaged one is thrown away.
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            return self._read(_MEMORY) if code in _IN_THE_WAY else self.rebuild()
        except msgspec.DecodeError:
            return self.rebuild()

    def rebuild(self) -> list[RunRow]:
        """Throw the index away and read every folder again; in memory where no file can be made."""
        try:
            for suffix in ("", "-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
            return self._read(str(self.path))
        except (sqlite3.DatabaseError, OSError):
            return self._read(_MEMORY)

    def _read(self, database: str) -> list[RunRow]:
        with _open(database) as db:
            self._update(db)
            return _rows(db)

    def _update(self, db: sqlite3.Connection) -> None:
        known = {name: (offset, stamp) for name, offset, stamp in db.execute("SELECT id, offset, stamp FROM runs")}
        present = {path.name: RunFolder(path) for path in self.runs.iterdir() if (path / "run.json").exists()}
        db.executemany("DELETE FROM runs WHERE id = ?", [(gone,) for gone in known.keys() - present.keys()])
        for name, folder in present.items():
            with contextlib.suppress(FileNotFoundError):  # deleted while we look
                size = folder.events_path.stat().st_size if folder.events_path.exists() else 0
                stamp = (folder.path / "run.json").stat().st_mtime_ns
                if known.get(name) != (size, stamp):
                    _store(db, folder, stamp=stamp, fresh=known.get(name, (size + 1,))[0] > size)


@contextlib.contextmanager
def _open(database: str) -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(database, timeout=10)
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


def _store(db: sqlite3.Connection, folder: RunFolder, *, stamp: int, fresh: bool) -> None:
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
        "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (folder.id, config.created, tail.offset, stamp, *blobs),
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
