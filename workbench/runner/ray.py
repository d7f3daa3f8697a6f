"""Runs on a Ray cluster: the same job, its events and files streamed back into the same local folder.

Needs the optional package `ray` here and the workbench on every node. Each run gets a detached
actor (a Seat): it goes on when this window closes, and the next RayRunner takes it up where the
local copy of its events ends. Questions (apply, inspect) stay on this machine's worker.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Literal

import msgspec

from workbench.core import events as ev
from workbench.core.job import ALIVE, ENDED
from workbench.core.problem import InputError, KnownTrouble, raised, record_of
from workbench.runner.base import Told
from workbench.runner.local import LocalRunner
from workbench.runner.prepare import SAMPLE, prepare
from workbench.runner.seat import CHUNK_BYTES, Seat
from workbench.store.home import Home
from workbench.store.runfolder import RunConfig, RunFolder, away_mark

NAMESPACE = "workbench"
LOOK_EVERY_S = 0.5
GRACE_S = 5.0
SEATED_WITHIN_S = 120.0
CHECKPOINT = "checkpoint/step-"

Word = Literal["cancel", "keep", "pause", "go"]


class RayRunner:
    """Implements runner.base.Runner over a cluster, one run at a time per runner.

    `address` is Ray's ('auto', 'host:port', 'ray://…'; empty starts a cluster of this machine
    alone, for as long as this runner); `gpus` and `cpus` are what each run asks of the cluster.
    """

    def __init__(self, home: Home, *, address: str = "auto", cpus: float = 1.0, gpus: float = 0.0) -> None:
        self._home, self._address = home, address
        self._needs = {"num_cpus": cpus, "num_gpus": gpus}
        self._local = LocalRunner(home, client="ray")
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._queue: list[str] = []
        self._running = ""
        self._ending: Literal["", "cancelling", "keeping"] = ""
        self._orders: list[Word] = []
        self._again = False
        self._attaching: list[Future[ev.WorkerState]] = []
        self._device = ""
        self._state = ev.WorkerState()
        self._watchers: list[Callable[[ev.WorkerState], None]] = []
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def home(self) -> Home:
        """Where runs live."""
        return self._home

    def prepare(self, config: RunConfig) -> RunFolder:
        """See runner.base."""
        return prepare(self._home, config)

    def submit(self, config: RunConfig, *, first: bool = False) -> RunFolder:
        """See runner.base."""
        folder = self.prepare(config)
        self.enqueue(folder, first=first)
        return folder

    def enqueue(self, folder: RunFolder, *, first: bool = False) -> Future[None]:
        """Queue a prepared run."""
        return self._do(lambda: self._enqueue(folder.id, first=first))

    def cancel(self, run: str, *, keep: bool = False) -> Future[None]:
        """See runner.base."""
        return self._do(lambda: self._cancel(run, keep=keep))

    def pause(self, run: str) -> Future[None]:
        """See runner.base."""
        return self._do(lambda: self._order(run, "pause"))

    def resume(self, run: str) -> Future[None]:
        """See runner.base."""
        return self._do(lambda: self._resume(run))

    def reorder(self, runs: Sequence[str]) -> Future[None]:
        """See runner.base."""
        return self._do(lambda: self._reorder(runs))

    def apply(
        self, recipe: str, model: str, inputs: dict[str, Any], *, device: str = "", told: Told | None = None
    ) -> Future[msgspec.Raw]:
        """See runner.base; done on this machine."""
        return self._local.apply(recipe, model, inputs, device=device, told=told)

    def inspect(self, what: str, *, told: Told | None = None, **arguments: Any) -> Future[msgspec.Raw]:
        """See runner.base; done on this machine."""
        return self._local.inspect(what, told=told, **arguments)

    def state(self) -> ev.WorkerState:
        """See runner.base; `device` names the cluster."""
        return self._state

    def watch(self, tell: Callable[[ev.WorkerState], None]) -> Callable[[], None]:
        """See runner.base."""
        with self._lock:
            self._watchers.append(tell)
        return lambda: self._watchers.remove(tell) if tell in self._watchers else None

    def attach(self) -> Future[ev.WorkerState]:
        """Connect to the cluster and take up the runs of this home that are on it."""
        future: Future[ev.WorkerState] = Future()
        with self._changed:
            if self._running:
                future.set_result(self._state)
                return future
            self._attaching.append(future)
            self._start_thread()
            self._changed.notify_all()
        return future

    def shutdown(self, *, now: bool = False, keep: bool = False) -> Future[None]:
        """See runner.base: end the run that goes on (now), and no other is started."""
        with self._lock:
            self._queue.clear()
            running = self._running
        return self.cancel(running, keep=keep and not now) if (now or keep) and running else self._do(lambda: None)

    def close(self) -> None:
        """See runner.base."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._local.close()
        if self._thread is not None:
            self._thread.join(10)

    # What is asked.

    def _do(self, deed: Callable[[], None]) -> Future[None]:
        future: Future[None] = Future()
        try:
            with self._changed:
                deed()
                self._changed.notify_all()
            future.set_result(None)
        except Exception as error:
            future.set_exception(raised(record_of(error)))
        self._tell()
        return future

    def _enqueue(self, run: str, *, first: bool) -> None:
        if run in self._queue or run == self._running:
            return
        folder = self._folder(run)
        away_mark(folder).touch()
        folder.append(ev.Queued(t=time.time()))
        self._queue.insert(0 if first else len(self._queue), run)
        self._start_thread()

    def _cancel(self, run: str, *, keep: bool) -> None:
        if run in self._queue:
            self._queue.remove(run)
            self._folder(run).append(ev.Cancelled(t=time.time()))
            away_mark(self._folder(run)).unlink(missing_ok=True)
            return
        self._order(run, "keep" if keep else "cancel")
        self._ending = "keeping" if keep else "cancelling"

    def _order(self, run: str, word: Word) -> None:
        if run != self._running:
            raise InputError("This run is not running.", expected="a running or waiting run", received=run, field="run")
        self._orders.append(word)

    def _resume(self, run: str) -> None:
        phase = self._folder(run).state().phase
        if phase == "finished":
            raise InputError("This run has finished; there is nothing to resume.", received=run, field="run")
        if run == self._running and (phase in ENDED or self._ending == "cancelling"):
            self._again = True
        elif run == self._running:
            self._orders.append("go")
        else:
            self._enqueue(run, first=False)

    def _reorder(self, runs: Sequence[str]) -> None:
        named = [run for run in dict.fromkeys(runs) if run in self._queue]
        self._queue = named + [run for run in self._queue if run not in named]

    def _folder(self, run: str) -> RunFolder:
        return RunFolder(self._home.runs / run)

    def _tell(self) -> None:
        with self._lock:
            state = ev.WorkerState(
                pid=os.getpid() if self._device else 0, running=self._running, ending=self._ending,
                queue=tuple(self._queue), device=self._device,
            )  # fmt: skip
            watchers = list(self._watchers) if state != self._state else []
            self._state = state
        for tell in watchers:
            tell(state)

    # The cluster.

    def _attach(self) -> None:
        with self._lock:
            waiting, self._attaching = self._attaching, []
        try:
            self._connect()
            with self._lock:
                for path in sorted(self._home.runs.iterdir()):
                    self._take_up(RunFolder(path))
            self._tell()
            for future in waiting:
                future.set_result(self._state)
        except Exception as error:
            for future in waiting:
                future.set_exception(raised(record_of(error)))

    def _take_up(self, folder: RunFolder) -> None:
        """Put a run that an earlier client left on the cluster, or waiting for it, back into the queue."""
        if away_mark(folder).exists() and folder.id not in self._queue and folder.id != self._running:
            alive = folder.state().phase in ALIVE
            self._queue.insert(0 if alive else len(self._queue), folder.id)

    def _connect(self) -> Any:
        try:
            import ray
        except ImportError:
            raise KnownTrouble(
                "Ray is not installed here.", expected="the optional package ray", received="no such module",
                fix="pip install 'transfer-workbench[ray]'",
            ) from None  # fmt: skip
        try:
            if not ray.is_initialized():
                ray.init(
                    address=self._address or None, namespace=NAMESPACE, log_to_driver=False,
                    logging_level=logging.ERROR, include_dashboard=False if not self._address else None,
                )  # fmt: skip
        except Exception as error:
            raise KnownTrouble(
                "The Ray cluster cannot be reached.", expected=f"a cluster at {self._address or 'this machine'}",
                received=str(error), fix="Start one with 'ray start --head', or correct its address.",
            ) from None  # fmt: skip
        have = ray.cluster_resources()
        self._device = f"Ray: {len(ray.nodes())} nodes, {have.get('CPU', 0):.0f} CPUs, {have.get('GPU', 0):.0f} GPUs"
        return ray

    def _start_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="ray", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        """Connect, and do the queue's runs one after the other, until closed.

        All of it on one thread that stays: a cluster that Ray starts here dies with the thread
        that started it.
        """
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._queue or self._attaching)
                if self._closed:
                    return
            if self._attaching:
                self._attach()
            else:
                self._do_next()

    def _do_next(self) -> None:
        with self._lock:
            if not self._queue:
                return
            self._running, self._ending, self._again = self._queue.pop(0), "", False
            self._orders.clear()
        self._tell()
        folder = self._folder(self._running)
        try:
            ray = self._connect()
            _Visit(ray, folder, self._home, self._needs).follow(self._next_orders, lambda: self._closed)
        except Exception as error:
            self._lose(folder, error)
        with self._lock:
            self._running, self._ending = "", ""
            if self._again and not self._closed:
                self._enqueue(folder.id, first=True)
        self._tell()

    def _next_orders(self) -> list[Word]:
        with self._lock:
            orders, self._orders = self._orders, []
            return orders

    def _lose(self, folder: RunFolder, error: Exception) -> None:
        """The cluster failed the run, not the recipe."""
        lost = error if isinstance(error, KnownTrouble | InputError) else KnownTrouble(
            "The run was lost on the Ray cluster.", expected="an actor that lives as long as its run",
            received=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            fix="Its folder is intact; Resume continues from the last checkpoint that came back.",
        )  # fmt: skip
        away_mark(folder).unlink(missing_ok=True)
        if folder.state().phase not in ENDED:
            resumable = any(folder.checkpoint.glob("step-*"))
            folder.append(ev.Failed(t=time.time(), problem=lost.record(), resumable=resumable))


class _Visit:
    """One run on the cluster, seen from here: send it there, follow it, bring everything home."""

    def __init__(self, ray: Any, folder: RunFolder, home: Home, needs: dict[str, float]) -> None:
        self._ray, self._folder, self._home, self._needs = ray, folder, home, needs
        self._name = f"workbench-{folder.id}"
        self._seen: dict[str, tuple[int, int]] = {}
        self._kill_at: float | None = None
        self._seat = self._existing() or self._send()

    def follow(self, orders: Callable[[], list[Word]], leaving: Callable[[], bool]) -> None:
        """Copy until the run has ended; with `leaving` let go and let it run on."""
        while not leaving():
            for word in orders():
                self._pass_on(word)
            if self._kill_at is not None and time.monotonic() >= self._kill_at:
                self._call("kill")
            status = self._call("status")
            self._fetch()
            if status is not None:
                self._conclude(status)
                return
            time.sleep(LOOK_EVERY_S)

    def _pass_on(self, word: Word) -> None:
        if word == "cancel" and self._kill_at is None:
            self._kill_at = time.monotonic() + GRACE_S
        self._call("tell", {"type": "tell", "word": word})

    def _call(self, method: str, *arguments: Any) -> Any:
        return self._ray.get(getattr(self._seat, method).remote(*arguments), timeout=SEATED_WITHIN_S)

    def _existing(self) -> Any:
        try:
            return self._ray.get_actor(self._name, namespace=NAMESPACE)
        except ValueError:
            return None

    def _send(self) -> Any:
        """A new seat with the run's configuration, events so far, checkpoint and inputs on it."""
        settings = self._home.settings.read_bytes() if self._home.settings.exists() else b"{}"
        self._seat = (
            self._ray.remote(Seat)
            .options(
                name=self._name, namespace=NAMESPACE, lifetime="detached", max_restarts=0,
                runtime_env={"env_vars": {"WORKBENCH_PLUGINS": os.environ.get("WORKBENCH_PLUGINS", "")}},
                **self._needs,
            )
            .remote(self._folder.id, settings)
        )  # fmt: skip
        config = self._folder.config()
        inputs = {slot: value if value.startswith(SAMPLE) else self._send_input(slot, Path(value))
                  for slot, value in config.inputs.items()}  # fmt: skip
        self._call("receive", "run.json", msgspec.json.encode(msgspec.structs.replace(config, inputs=inputs)))
        self._send_file(self._folder.events_path, "events.jsonl")
        for kind in (self._folder.checkpoint, self._folder.artifacts, self._folder.model):
            for file in (file for file in kind.rglob("*") if file.is_file()):
                self._send_file(file, file.relative_to(self._folder.path).as_posix())
        self._seen = self._call("files")
        self._call("begin")
        return self._seat

    def _send_input(self, slot: str, path: Path) -> str:
        base = f"inputs/{slot}"
        if path.is_file():
            return self._send_file(path, f"{base}/{path.name}")
        for file in (file for file in path.rglob("*") if file.is_file()):
            self._send_file(file, f"{base}/{path.name}/{file.relative_to(path).as_posix()}")
        return str(Path(self._call("receive", f"{base}/{path.name}/.sent", b"")).parent)

    def _send_file(self, path: Path, name: str) -> str:
        place = str(self._call("receive", name, b""))
        with path.open("rb") as file:
            while block := file.read(CHUNK_BYTES):
                self._call("receive", name, block)
        return place

    def _fetch(self) -> None:
        """Events are read first and written last: none speaks of a file that is not here yet."""
        fresh = self._read("events.jsonl", self._folder.events_path.stat().st_size)
        there = {name: facts for name, facts in self._call("files").items() if not name.startswith("inputs/")}
        changed = {name: facts for name, facts in there.items() if self._seen.get(name) != facts}
        checkpoint = {name: facts for name, facts in changed.items() if name.startswith(CHECKPOINT)}
        for name in changed.keys() - checkpoint.keys():
            if not self._bring(name, changed[name][0], self._folder.path / name):
                del there[name]
        if checkpoint and not self._bring_checkpoint(checkpoint):
            there = {name: facts for name, facts in there.items() if name not in checkpoint}
        self._drop_old_checkpoints({Path(name).parts[1] for name in there if name.startswith(CHECKPOINT)})
        self._seen = there
        if fresh:
            with self._folder.events_path.open("ab") as file:
                file.write(fresh)

    def _read(self, name: str, offset: int) -> bytes:
        blocks = []
        while block := self._call("read", name, offset):
            blocks.append(block)
            offset += len(block)
        return b"".join(blocks)

    def _bring_checkpoint(self, files: dict[str, tuple[int, int]]) -> bool:
        """Whole or not at all: a connection lost half-way must leave the checkpoint before."""
        coming = self._folder.checkpoint / "coming"
        shutil.rmtree(coming, ignore_errors=True)
        for name, (size, _) in files.items():
            if not self._bring(name, size, coming / Path(name).relative_to("checkpoint")):
                return False
        for folder in coming.iterdir():
            shutil.rmtree(self._folder.checkpoint / folder.name, ignore_errors=True)
            folder.replace(self._folder.checkpoint / folder.name)
        return True

    def _drop_old_checkpoints(self, there: set[str]) -> None:
        for folder in self._folder.checkpoint.glob("step-*"):
            if there and folder.name not in there:
                shutil.rmtree(folder, ignore_errors=True)

    def _bring(self, name: str, size: int, target: Path) -> bool:
        """Copy a file here; False when it went away meanwhile."""
        if not target.resolve().is_relative_to(self._folder.path.resolve()):
            raise KnownTrouble("The cluster sent a file from outside the run folder.", received=name)
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch, offset = target.with_name(target.name + ".coming"), 0
        with scratch.open("wb") as file:
            while block := self._call("read", name, offset):
                file.write(block)
                offset += len(block)
        if offset < size:
            scratch.unlink()
            return False
        scratch.replace(target)
        return True

    def _conclude(self, status: int) -> None:
        """The run's process has ended and everything is here: leave the cluster as it was."""
        if self._folder.state().phase not in ENDED:
            resumable = any(self._folder.checkpoint.glob("step-*"))
            self._folder.append(self._last_event(status, resumable))
        away_mark(self._folder).unlink(missing_ok=True)
        self._call("clear")
        self._ray.kill(self._seat)

    def _last_event(self, status: int, resumable: bool) -> ev.AnyEvent:
        if self._kill_at is not None:
            return ev.Cancelled(t=time.time(), forced=True, resumable=resumable)
        ended = KnownTrouble(
            "The process of this run ended without a word, on the cluster.", expected="an ordinary end",
            received=f"exit status {status}", fix="Resume continues from the last checkpoint that came back.",
        )  # fmt: skip
        return ev.Failed(t=time.time(), problem=ended.record(), resumable=resumable)
