"""A picture of a tab with a run on it, made without a person: reports, checks and documents use it."""

from __future__ import annotations

import time
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QEventLoop
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QFrame, QVBoxLayout

from workbench.core.events import Artifact, WorkerState
from workbench.core.problem import InputError, KnownTrouble
from workbench.core.recipe import Recipe
from workbench.core.settings import load
from workbench.gui.link import Link
from workbench.gui.theme import theme
from workbench.gui.window import MainWindow
from workbench.recipes import recipes
from workbench.store.home import Home
from workbench.store.runfolder import EventTail, RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import msgspec

    from workbench.runner.base import Told
    from workbench.store.runfolder import RunConfig

PATIENCE_S = 30.0
SETTLE_S = 0.3
COVERS = (
    "labels", "image-grid", "image", "volume", "clips", "embedding", "spans", "confusion", "attention", "table", "text",
)  # fmt: skip
"""Kinds of artifact that a recipe's picture may be of, the most telling first."""


class NoRunner:
    """A runner that only has a home: pictures need no worker."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def prepare(self, config: RunConfig) -> RunFolder:
        raise KnownTrouble("A picture starts no runs.")

    def submit(self, config: RunConfig, *, first: bool = False) -> RunFolder:
        raise KnownTrouble("A picture starts no runs.")

    def enqueue(self, folder: RunFolder, *, first: bool = False) -> Future[None]:
        raise KnownTrouble("A picture starts no runs.")

    def cancel(self, run: str, *, keep: bool = False) -> Future[None]:
        return Future()

    def pause(self, run: str) -> Future[None]:
        return Future()

    def resume(self, run: str) -> Future[None]:
        return Future()

    def reorder(self, runs: Sequence[str]) -> Future[None]:
        return Future()

    def apply(
        self, recipe: str, model: str, inputs: dict[str, Any], *, device: str = "", told: Told | None = None
    ) -> Future[msgspec.Raw]:
        return Future()

    def inspect(self, what: str, *, told: Told | None = None, **arguments: Any) -> Future[msgspec.Raw]:
        return Future()

    def state(self) -> WorkerState:
        return WorkerState()

    def watch(self, tell: Callable[[WorkerState], None]) -> Callable[[], None]:
        return lambda: None

    def attach(self) -> Future[WorkerState]:
        return Future()

    def shutdown(self, *, now: bool = False, keep: bool = False) -> Future[None]:
        return Future()

    def close(self) -> None:
        """Nothing to let go of."""


def take(
    home: Home,
    tab: str,
    run: RunFolder | None,
    out: Path,
    *,
    theme_name: Literal["dark", "light"] = "dark",
    size: tuple[int, int] = (1600, 1000),
    known: Mapping[str, Recipe] | None = None,
) -> Path:
    """Render a tab ('text', 'home', 'runs', …) to a PNG, with a run drawn to its last event.

    Works on any Qt platform, offscreen included, and starts no worker. `size` is in pixels.
    Raises InputError for an unknown tab or a run whose recipe is not there.
    """
    from workbench.app import application

    application()
    known = recipes() if known is None else known
    page = _page(tab, run, known)
    theme().use(theme_name, scale_percent=load(home.settings).settings.scale)
    link = Link(home, lambda: NoRunner(home), load(home.settings).settings)
    window = MainWindow(link, known, demo=False)
    try:
        window.forget()
        window.resize(*size)
        window.show()
        window.open_page(page)
        _serve(SETTLE_S)
        _draw_run(window, run)
        out.parent.mkdir(parents=True, exist_ok=True)
        if not window.grab().save(str(out)):
            raise KnownTrouble("The picture could not be written.", expected="a writable place", received=str(out))
    finally:
        window.close()
        window.deleteLater()
        _serve(0)
    return out


def take_view(
    home: Home,
    run: RunFolder,
    slot: str,
    out: Path,
    *,
    theme_name: Literal["dark", "light"] = "dark",
    size: tuple[int, int] = (640, 320),
) -> Path:
    """Draw what a run wrote to one slot last, without a window around it, and save it as PNG.

    An empty `slot` takes the one that says most at a glance. Raises InputError for a slot without artifacts.
    """
    from workbench.app import application
    from workbench.gui.views import make_view

    application()
    theme().use(theme_name)
    artifact = _artifact(run, slot)
    frame, view = QFrame(), make_view(artifact.kind)
    frame.setObjectName("page")
    frame.setFixedSize(*size)
    column = QVBoxLayout(frame)
    column.setContentsMargins(8, 8, 8, 8)
    column.addWidget(view)
    try:
        frame.show()
        view.show_artifact(run.path, artifact)
        _serve(SETTLE_S)
        out.parent.mkdir(parents=True, exist_ok=True)
        picture = frame.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
        if not picture.save(str(out), quality=0):  # for PNG the quality is the size: 0 is packed hardest
            raise KnownTrouble("The picture could not be written.", expected="a writable place", received=str(out))
    finally:
        frame.deleteLater()
        _serve(0)
    return out


def _artifact(run: RunFolder, slot: str) -> Artifact:
    """The newest artifact of a slot, or of the kind that makes the best picture."""
    written = {one.slot: one for one in EventTail(run.events_path).read() if isinstance(one, Artifact)}
    drawn = {name: one for name, one in written.items() if one.kind in COVERS}
    wanted = slot or min(drawn, key=lambda name: COVERS.index(drawn[name].kind), default="")
    if wanted in drawn:
        return drawn[wanted]
    raise InputError(
        "This run has no such picture.", expected=", ".join(drawn) or "a run that drew something",
        received=slot or "none", fix="'workbench runs show RUN' lists what a run wrote.", field="--view",
    )  # fmt: skip


def _page(tab: str, run: RunFolder | None, known: Mapping[str, Recipe]) -> str:
    if run is not None:
        name = run.config().recipe
        if name in known:
            return f"recipe:{name}"
        raise InputError(
            "The recipe of this run is not installed.", expected=", ".join(known), received=name, field="run"
        )
    tabs = {one.tab.name for one in known.values()} | {"home", "runs", "models", "settings"}
    if tab in tabs or tab.removeprefix("recipe:") in known:
        return tab
    raise InputError("There is no such tab.", expected=", ".join(sorted(tabs)), received=tab, field="tab")


def _draw_run(window: MainWindow, run: RunFolder | None) -> None:
    page = window.recipe_page()
    if run is None or page is None:
        return
    model = page.show_run(run)
    page.setup.load(model.config)
    end = time.monotonic() + PATIENCE_S
    while not (model.caught_up or not run.events_path.exists()) and time.monotonic() < end:
        _serve(0.05)
    page.showing.paint_all()
    _serve(SETTLE_S)


def _serve(seconds: float) -> None:
    """Let the event loop work for a while."""
    end = time.monotonic() + seconds
    while True:
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
        if time.monotonic() >= end:
            return
        time.sleep(0.005)
