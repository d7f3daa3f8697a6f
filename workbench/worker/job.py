"""The job a recipe works with, inside the process that runs it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import psutil

from workbench.core import documents
from workbench.core import events as ev
from workbench.core.job import JobCancelled
from workbench.core.kinds import ArtifactKind
from workbench.store.asked import AskedFile
from workbench.store.runfolder import RunFolder, append_events

T = TypeVar("T", bound=msgspec.Struct)
FLUSH_S = 0.1
PROGRESS_S = 0.2


class Control:
    """What was asked of a running job from outside; set by one thread, read by job.step()."""

    def __init__(self) -> None:
        self.cancel = threading.Event()
        self.keep = threading.Event()
        self.go = threading.Event()
        self.go.set()


class EventWriter:
    """Collects events in memory and writes them ten times a second, so a metric costs microseconds."""

    def __init__(self, path: Path, *, watch: Callable[[ev.AnyEvent], None] | None = None) -> None:
        self.path, self.watch = path, watch
        self.trouble: OSError | None = None
        self._waiting: deque[ev.AnyEvent] = deque()
        self._writing = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._flush_regularly, name="events", daemon=True)
        self._thread.start()

    def add(self, event: ev.AnyEvent) -> None:
        """Queue an event for the file (deque.append is atomic; no lock in the training loop)."""
        self._waiting.append(event)

    def flush(self) -> None:
        """Write what is waiting; a full disk is remembered and raised by the next job.step()."""
        with self._writing:
            # Taken one by one from the one deque that add() fills: swapping containers would lose
            # an event whose add() had fetched the old one just before.
            batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if not batch:
                return
            try:
                append_events(self.path, batch)
                self.trouble = None
            except OSError as error:
                self.trouble = error
                self._waiting.extendleft(reversed(batch))
                return
        if self.watch is not None:
            for event in batch:
                self.watch(event)

    def close(self) -> None:
        """Write the rest and stop."""
        self._closed.set()
        self._thread.join()
        self.flush()

    def _flush_regularly(self) -> None:
        while not self._closed.wait(FLUSH_S):
            self.flush()


class RunningJob:
    """Implements core.job.Job over a run folder; see there for what each method promises."""

    def __init__(
        self,
        folder: RunFolder,
        *,
        control: Control | None = None,
        watch: Callable[[ev.AnyEvent], None] | None = None,
        device: str = "cpu",
        precision: str = "auto",
        preview_share: float = 0.10,
        checkpoint_every: float = 20.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        config = folder.config()
        self.run_id, self.seed, self.inputs = folder.id, config.seed, config.inputs
        self.folder, self.device, self.precision = folder.path, device, precision
        self.results: dict[str, float | None] = {}
        self.kept_early = False
        self.writer = EventWriter(folder.events_path, watch=watch)
        self._run, self._control, self._clock = folder, control or Control(), clock
        self._preview_budget, self._checkpoint_every = preview_share, checkpoint_every
        self._offset = time.time() - time.monotonic()
        self._began = self._last_checkpoint = clock()
        self._previewing = self._last_progress = 0.0
        self._paused = 0.0
        self._step, self._total, self._phase = 0, 0, ""
        self._phase_began, self._phase_step = clock(), 0
        self._done, self._of = 0, 0
        self._serial = len(list(folder.artifacts.glob("*"))) if folder.artifacts.exists() else 0
        self._process = psutil.Process()
        self._asked: dict[str, AskedFile] = {}

    def now(self) -> float:
        """Seconds since the epoch that never run backwards within this process."""
        return self._offset + time.monotonic()

    def say(self, kind: type[ev.AnyEvent], /, **fields: Any) -> None:
        """Add any event, stamped with the time."""
        self.writer.add(kind(t=self.now(), **fields))

    def metric(self, name: str, value: float, *, series: str = "", step: int | None = None) -> None:
        self.writer.add(
            ev.Metric(self._offset + time.monotonic(), name, float(value), self._step if step is None else step, series)
        )

    def result(self, name: str, value: float) -> None:
        self.results[name] = float(value)

    def log(self, message: str, level: str = "info") -> None:
        self.say(ev.Log, message=message, level=level)

    def artifact(
        self,
        slot: str,
        kind: ArtifactKind,
        content: Any,
        *,
        title: str = "",
        parts: Mapping[str, Any] | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> Path:
        self._serial += 1
        stem = f"{slot}-{self._step:07d}-{self._serial:05d}"
        main = self._write(stem, kind.suffix, content)
        written = {name: self._write(f"{stem}.{name}", "", part) for name, part in (parts or {}).items()}
        self.say(
            ev.Artifact, slot=slot, kind=kind.name, path=self._relative(main), step=self._step, title=title,
            parts={name: self._relative(path) for name, path in written.items()}, meta=dict(meta or {}),
        )  # fmt: skip
        return main

    def _write(self, stem: str, suffix: str, content: Any) -> Path:
        if isinstance(content, Path):
            return content
        suffix = suffix or (".npy" if isinstance(content, np.ndarray) else ".json")
        path = self._run.artifacts / (stem + suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        if callable(content):
            content(path)
        elif isinstance(content, np.ndarray):
            np.save(path, content, allow_pickle=False)
        else:
            documents.write(path, content)
        return path

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def phase(self, name: str, total: int = 0) -> None:
        self._phase, self._total = name, total
        self._phase_began, self._phase_step = self._clock(), self._step
        self._done, self._of = 0, 0
        self.tell_progress()
        if self._control.cancel.is_set():  # loading has no steps; its phases are where it can end
            raise JobCancelled

    def progress(self, done: int, of: int) -> None:
        if self._total:
            return
        if done < self._done:  # another pass within the phase
            self._phase_began = self._clock()
        self._done, self._of = done, of
        self._obey()
        if self._clock() - self._last_progress >= PROGRESS_S:
            self.tell_progress()

    def _obey(self) -> None:
        if self._control.cancel.is_set():
            raise JobCancelled
        if not self._control.go.is_set():
            self._hold()
        if self.writer.trouble is not None:
            raise self.writer.trouble

    def step(self, step: int) -> bool:
        self._step = step
        self._obey()
        if self._clock() - self._last_progress >= PROGRESS_S:
            self.tell_progress()
        if self._control.keep.is_set():
            self.kept_early = True
            return False
        return True

    def _hold(self) -> None:
        began = self._clock()
        self.say(ev.Paused, step=self._step)
        while not self._control.go.wait(0.1):
            if self._control.cancel.is_set():
                raise JobCancelled
            if self._control.keep.is_set():
                break
        self._paused += self._clock() - began
        self._phase_began += self._clock() - began
        self.say(ev.Resumed, step=self._step)

    def tell_progress(self) -> None:
        """Say where the run stands, now."""
        now = self._last_progress = self._clock()
        spent = now - self._phase_began
        rate = max(self._step - self._phase_step, 0) / spent if spent > 0 else 0.0
        left = -1.0
        if rate and self._total:
            left = (self._total - self._step) / rate
        elif self._done and not self._total:
            left = (self._of - self._done) * spent / self._done
        self.say(
            ev.Progress, step=self._step, total=self._total, done=self._done, of=self._of, phase=self._phase,
            steps_per_s=rate, seconds_left=left, memory_bytes=self._process.memory_info().rss,
            preview_share=self.preview_share(),
        )  # fmt: skip

    def preview_share(self) -> float:
        """The share of the time so far that live pictures took."""
        return self._previewing / max(self._clock() - self._began - self._paused, 1e-9)

    @contextlib.contextmanager
    def preview(self, name: str, *, force: bool = False) -> Iterator[bool]:
        if not force and self._previewing > 0 and self.preview_share() > self._preview_budget:
            yield False
            return
        began = self._clock()
        try:
            yield True
        finally:
            self._previewing += self._clock() - began

    def asked(self, name: str, kind: type[T]) -> T | None:
        return self._asked.setdefault(name, AskedFile(self.folder, name)).read(kind)

    def checkpoint_due(self) -> bool:
        return self._clock() - self._last_checkpoint >= self._checkpoint_every

    def save_checkpoint(self, step: int, save: Callable[[Path], None]) -> None:
        self.writer.flush()
        scratch = self._run.checkpoint / "unfinished"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        save(scratch)
        for file in scratch.rglob("*"):
            _settle(file)
        final = self._free_name(self._run.checkpoint / f"step-{step:08d}")
        scratch.replace(final)
        for old in self._run.checkpoint.glob("step-*"):
            if old != final:
                shutil.rmtree(old, ignore_errors=True)
        self._last_checkpoint = self._clock()
        self.say(ev.Checkpoint, step=step, path=self._relative(final))
        self.writer.flush()

    @staticmethod
    def _free_name(path: Path) -> Path:
        """A name that sorts after the checkpoint of the same step, which must stand until replaced."""
        names = [path, *(path.with_name(f"{path.name}-{serial}") for serial in range(1, 10))]
        return next(name for name in names if not name.exists())

    def checkpoint(self) -> Path | None:
        steps = sorted(self._run.checkpoint.glob("step-*"))
        return steps[-1] if steps else None

    def model_folder(self) -> Path:
        self._run.model.mkdir(exist_ok=True)
        return self._run.model

    def write_card(self, **facts: Any) -> None:
        """Write model/workbench.json, by which apply() and the model list know the model."""
        config = msgspec.to_builtins(self._run.config())
        card = self.model_folder() / "workbench.json"
        card.write_text(json.dumps({"run": self.run_id, "config": config, "results": self.results} | facts, indent=2))


def _settle(path: Path) -> None:
    """Wait until a file is on the disk, so that a power cut leaves the old checkpoint or the new one."""
    if path.is_file():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
