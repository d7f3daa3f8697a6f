"""The SQLite index over run folders: only a cache, rebuilt from the folders whenever in doubt."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from workbench.core import events as ev
from workbench.core.job import JobState, advance
from workbench.core.problem import InputError
from workbench.store.notes import NAME as NOTES
from workbench.store.notes import Notes, read_notes
from workbench.store.runfolder import EventTail, RunConfig, RunFolder

SCHEMA = 3
_TABLES = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, created REAL, offset INTEGER, stamp INTEGER, config BLOB, state BLOB,
    last BLOB, highest BLOB, lowest BLOB, damaged INTEGER, notes BLOB, notes_stamp TEXT
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
    last: dict[str, float] = {}
    highest: dict[str, float] = {}
    lowest: dict[str, float] = {}
    notes: Notes = Notes()
    damaged: int = 0
    """Lines of its events that could not be read: torn, garbled, or from a newer program."""
    trouble: str = ""
    """Why the folder is no readable run; all else but the id is then empty."""

    @property
    def title(self) -> str:
        """The name that a person gave it, last or when it was submitted."""
        return self.config.title if self.notes.title is None else self.notes.title

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that a person gave it, last or when it was submitted."""
        return self.config.tags if self.notes.tags is None else self.notes.tags

    @property
    def phase(self) -> str:
        """How it stands, in a word of its own where the folder cannot be read."""
        return "unreadable" if self.trouble else self.state.phase


class Index:
    """Rows of all runs below a folder; `refresh` reads only what was appended since."""

    def __init__(self, path: Path, runs: Path) -> None:
        self.path, self.runs = path, runs
        self.faults: list[RunRow] = []
        """After a refresh: folders that hold a run which cannot be read, each with its trouble."""

    def refresh(self) -> list[RunRow]:
        """All readable runs, newest first, after reading what changed on disk."""
        try:
            return self._read(str(self.path))
        except sqlite3.DatabaseError as error:
            # A locked or read-only file is somebody else's to mend; a damaged one is thrown away.
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            return self._read(_MEMORY) if code in _IN_THE_WAY else self.rebuild()
        except msgspec.DecodeError:
            return self.rebuild()

    def refresh_all(self) -> list[RunRow]:
        """The same with the unreadable ones among them, where their folders' names place them."""
        rows = self.refresh()
        return sorted([*rows, *self.faults], key=lambda row: row.config.created, reverse=True) if self.faults else rows

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
        asked = "SELECT id, offset, stamp, notes_stamp FROM runs"
        known = {name: (offset, stamp, notes) for name, offset, stamp, notes in db.execute(asked)}
        self.faults, present = [], set()
        for path in _folders(self.runs):
            name = os.path.basename(path)  # noqa: PTH119
            try:
                now = _looked_at(path)
                if known.get(name) != now:
                    _store(db, RunFolder(Path(path)), now, known.get(name))
                present.add(name)
            except FileNotFoundError:
                continue  # no run, or deleted while we look
            except (InputError, OSError) as error:
                self.faults.append(_fault(path, error))
        db.executemany("DELETE FROM runs WHERE id = ?", [(gone,) for gone in known.keys() - present])


Stamps = tuple[int, int, str]
"""Size of the events, when run.json was written, which notes.json is there."""


def _folders(runs: Path) -> list[str]:
    """Folders that may hold a run: others are made while an archive is unpacked, or are somebody's own."""
    with os.scandir(runs) as entries:
        return [one.path for one in entries if not one.name.startswith(".") and one.is_dir()]


def _looked_at(path: str) -> Stamps:
    """What tells whether a run has changed; raises FileNotFoundError where there is none.

    Plain paths: over hundreds of runs pathlib would take most of the time.
    """
    try:
        stamp = os.stat(f"{path}/run.json").st_mtime_ns  # noqa: PTH116
    except FileNotFoundError:
        if any(os.path.exists(f"{path}/{part}") for part in ("events.jsonl", "model", "checkpoint")):  # noqa: PTH110
            raise InputError("Its run.json is missing.") from None
        raise
    try:
        size = os.stat(f"{path}/events.jsonl").st_size  # noqa: PTH116
    except FileNotFoundError:
        size = 0
    try:
        notes = os.stat(f"{path}/{NOTES}")  # noqa: PTH116
        return size, stamp, f"{notes.st_mtime_ns} {notes.st_ino} {notes.st_size}"
    except FileNotFoundError:
        return size, stamp, ""


def _fault(path: str, error: Exception) -> RunRow:
    """A row for a folder that cannot be read; when it was made stands in its name, or on the disk."""
    name = os.path.basename(path)  # noqa: PTH119
    try:
        created = time.mktime(time.strptime(name[:15], "%Y%m%d-%H%M%S"))
    except (ValueError, OverflowError):
        created = 0.0
    told = error.what if isinstance(error, InputError) else "It cannot be read."
    received = error.received if isinstance(error, InputError) else str(error)
    trouble = f"{told} {received}".strip()
    return RunRow(name, RunConfig(recipe="", params={}, created=created), JobState(), trouble=trouble)


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


def _store(db: sqlite3.Connection, folder: RunFolder, now: Stamps, before: Stamps | None) -> None:
    if before is not None and before[:2] == now[:2]:
        notes = ev.encode(read_notes(folder.path))
        db.execute("UPDATE runs SET notes = ?, notes_stamp = ? WHERE id = ?", (notes, now[2], folder.id))
        return
    config = folder.config()
    tail = EventTail(folder.events_path)
    state, last, high, low = JobState(), {}, {}, {}
    row = None if before is None or before[0] > now[0] else db.execute(
        "SELECT offset, state, last, highest, lowest, damaged FROM runs WHERE id = ?", (folder.id,)
    ).fetchone()  # fmt: skip
    if row is not None:
        tail.offset, tail.damaged = row[0], row[5]
        state = msgspec.json.decode(row[1], type=JobState)
        last, high, low = (msgspec.json.decode(blob, type=dict[str, float]) for blob in row[2:5])
    for event in tail.read():
        if isinstance(event, ev.Metric):
            if event.value is not None:
                key = f"{event.name}/{event.series}" if event.series else event.name
                last[key] = value = event.value
                high[key] = max(high.get(key, value), value)
                low[key] = min(low.get(key, value), value)
        else:
            state = advance(state, event)
    blobs = [ev.encode(one) for one in (config, state, last, high, low)]
    notes = ev.encode(read_notes(folder.path))
    db.execute(
        "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (folder.id, config.created, tail.offset, now[1], *blobs, tail.damaged, notes, now[2]),
    )


def _rows(db: sqlite3.Connection) -> list[RunRow]:
    numbers = msgspec.json.Decoder(dict[str, float]).decode
    config, state = msgspec.json.Decoder(RunConfig).decode, msgspec.json.Decoder(JobState).decode
    notes = msgspec.json.Decoder(Notes).decode
    return [
        RunRow(
            name, config(row[0]), state(row[1]), numbers(row[2]), numbers(row[3]), numbers(row[4]),
            notes=notes(row[5]), damaged=row[6],
        )
        for name, *row in db.execute(
            "SELECT id, config, state, last, highest, lowest, notes, damaged FROM runs ORDER BY created DESC"
        )
    ]  # fmt: skip
