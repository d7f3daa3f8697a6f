"""The window's side of the runner: slow calls leave the GUI thread, answers come back on it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any

import shiboken6
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from workbench.core.events import WorkerState
from workbench.core.problem import ProblemRecord, record_of
from workbench.core.settings import Settings, change
from workbench.runner.base import Runner
from workbench.store.home import Home

Then = Callable[[Any], None]


class Link(QObject):
    """What every page may use: the runner, the settings, and a way to wait without standing still."""

    worker_changed = Signal(object)
    """The new WorkerState."""
    problem = Signal(object)
    """A ProblemRecord that no field could show."""
    settings_changed = Signal(object)
    saved = Signal(str)
    """How the edits in front are kept ('autosaved 10 s ago'); empty when nothing is edited."""
    report_wanted = Signal(object, str)
    """A fault of the program (a ProblemRecord with severity 'bug') to be put into a report, and its run if any."""
    runs_changed = Signal()
    """A run was made or has ended: lists read the index again."""
    _arrived = Signal(object)

    def __init__(self, home: Home, make_runner: Callable[[], Runner], settings: Settings) -> None:
        super().__init__()
        self.home, self.settings = home, settings
        self._make_runner = make_runner
        self._runner: Runner | None = None
        self._making, self._keeping = threading.Lock(), threading.Lock()
        self.state = WorkerState()
        self._threads = ThreadPoolExecutor(max_workers=3, thread_name_prefix="window")
        self._arrived.connect(self._invoke)
        self._unwatch: Callable[[], None] | None = None
        self._closed = False

    @property
    def runner(self) -> Runner:
        """Who does the work; made on first use, since the first paint need not wait for its imports."""
        with self._making:
            if self._runner is None:
                self._runner = self._make_runner()
            return self._runner

    def change_settings(self, **changes: Any) -> None:
        """Set some settings, tell everybody, and keep them in the file."""
        self.settings = self.settings.replace(**changes)
        self.settings_changed.emit(self.settings)
        self.background(lambda: self._keep_settings(changes))

    def _keep_settings(self, changes: dict[str, Any]) -> None:
        with self._keeping:
            change(self.home.settings, changes)

    def attach(self) -> None:
        """Find or start the worker; its states arrive as `worker_changed` from now on."""
        self.background(lambda: self.runner, then=lambda _: self._attach())

    def _attach(self) -> None:
        self._unwatch = self.runner.watch(lambda state: self._post(lambda: self._take_state(state)))
        self.deliver(self.runner.attach(), then=self._take_state)

    def deliver(
        self,
        future: Future[Any],
        *,
        then: Then | None = None,
        failed: Callable[[ProblemRecord], None] | None = None,
        owner: QObject | None = None,
    ) -> None:
        """Call `then` with the result on the GUI thread, or `failed` with the problem.

        Nothing is called once `owner` (a widget that may be closed) is gone, or when the future
        was cancelled. Without `failed` the problem goes to the banner.
        """
        future.add_done_callback(lambda done: self._post(lambda: self._settle(done, then, failed, owner)))

    def background(
        self,
        work: Callable[[], Any],
        *,
        then: Then | None = None,
        failed: Callable[[ProblemRecord], None] | None = None,
        owner: QObject | None = None,
    ) -> None:
        """Do `work` off the GUI thread; see `deliver` for what happens with its outcome."""
        if not self._closed:
            self.deliver(self._threads.submit(work), then=then, failed=failed, owner=owner)

    def later(self, call: Callable[[], None]) -> None:
        """Call on a later turn of the event loop; not at all when the window has closed by then."""
        QTimer.singleShot(0, self, lambda: self._invoke(call))

    def on_window(self, call: Callable[[], None], owner: QObject) -> None:
        """From any thread: make this call on the GUI thread, unless `owner` is gone by then."""
        self._post(lambda: call() if shiboken6.isValid(owner) else None)

    def close(self) -> None:
        """Let go of the worker, which goes on; answers still under way are dropped."""
        self._closed = True
        if self._unwatch is not None:
            self._unwatch()
        self._threads.shutdown(wait=True, cancel_futures=True)
        if self._runner is not None:
            self._runner.close()

    def _post(self, call: Callable[[], None]) -> None:
        if not self._closed and shiboken6.isValid(self):
            self._arrived.emit(call)

    @Slot(object)
    def _invoke(self, call: Callable[[], None]) -> None:
        if not self._closed:  # an answer that was on its way when the window closed would open things again
            call()

    def _take_state(self, state: WorkerState) -> None:
        before, self.state = self.state, state
        self.worker_changed.emit(state)
        if before.running != state.running:
            self.runs_changed.emit()

    def _settle(
        self,
        done: Future[Any],
        then: Then | None,
        failed: Callable[[ProblemRecord], None] | None,
        owner: QObject | None,
    ) -> None:
        if done.cancelled() or (owner is not None and not shiboken6.isValid(owner)):
            return
        error = done.exception()
        if isinstance(error, CancelledError):
            return
        if error is not None:
            (failed or self.problem.emit)(record_of(error))
        elif then is not None:
            then(done.result())
