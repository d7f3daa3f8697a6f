"""Where things live: one home folder (WORKBENCH_HOME, or the platform's user-data folder)."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import tempfile
from pathlib import Path

import platformdirs

from workbench.core.problem import KnownTrouble


@dataclasses.dataclass(frozen=True)
class Home:
    """The paths below one home; `open_home` makes sure that they exist and can be written."""

    root: Path

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def trash(self) -> Path:
        """Deleted runs, whole, until somebody puts them back; made with the first one."""
        return self.root / "trash"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def remembered(self) -> Path:
        """Addresses of model folders elsewhere; see store/remembered.py."""
        return self.root / "folders.json"

    @property
    def downloads(self) -> Path:
        """Downloads that wait or were interrupted; see gui/downloads.py."""
        return self.root / "downloads.json"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def sweeps(self) -> Path:
        """One folder per sweep: what was declared, and what its trials came to."""
        return self.root / "sweeps"

    @property
    def edits(self) -> Path:
        """Saved copies of data that was relabelled, and autosaved edits."""
        return self.root / "edits"

    @property
    def review(self) -> Path:
        """The worklist with its log, and the labels that readers signed; see store/worklist.py."""
        return self.root / "review"

    @property
    def voices(self) -> Path:
        """Voices that a person named, readable by the owner only; see store/voices.py."""
        return self.root / "voices"

    @property
    def settings(self) -> Path:
        return self.root / "settings.json"

    @property
    def index(self) -> Path:
        return self.root / "index.sqlite"

    @property
    def queue(self) -> Path:
        """The order of waiting runs; their configurations stand in their own folders."""
        return self.root / "queue.json"

    @property
    def worker(self) -> Path:
        """Address, key and process id of the running worker; readable by the owner only."""
        return self.root / "worker.json"

    @property
    def worker_lock(self) -> Path:
        return self.root / "worker.lock"

    @property
    def worker_log(self) -> Path:
        return self.root / "worker.log"

    @property
    def window_state(self) -> Path:
        return self.root / "window.json"

    def socket_folder(self) -> Path:
        """A short, owner-only folder for the socket: socket paths are limited to about 100 bytes."""
        user = os.getuid() if hasattr(os, "getuid") else os.getlogin()
        digest = hashlib.sha256(str(self.root).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"workbench-{user}-{digest}"


def default_root() -> Path:
    """WORKBENCH_HOME, or the platform's user-data folder."""
    named = os.environ.get("WORKBENCH_HOME")
    return Path(named) if named else platformdirs.user_data_path("workbench", appauthor=False)


def open_home(root: Path | None = None) -> Home:
    """The home, its folders made; raises KnownTrouble when it cannot be written."""
    home = Home((root or default_root()).expanduser().resolve())
    try:
        for folder in (home.runs, home.models, home.cache, home.edits):
            folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home.root):
            pass
    except OSError as error:
        raise KnownTrouble(
            "The data folder cannot be written.",
            expected=f"a writable folder at {home.root}",
            received=str(error),
            fix="Set WORKBENCH_HOME to a folder of yours, or free space and permissions there.",
        ) from None
    return home
