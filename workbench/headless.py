"""The first start without anybody watching: the same window, the same run, pictures and numbers kept."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.app import application, make_window, sweep
from workbench.cli.output import duration, results_table, say, tell
from workbench.core.job import ENDED, JobState
from workbench.core.problem import KnownTrouble
from workbench.core.recipe import TEXT
from workbench.recipes import recipes
from workbench.store.archive import export_metrics
from workbench.store.home import open_home
from workbench.store.runfolder import RunFolder

if TYPE_CHECKING:
    from workbench.gui.recipepage import RecipePage
    from workbench.gui.window import MainWindow

SIZE = (1600, 1000)
START_WITHIN_S = 120.0
MIDDLE = 0.5
"""The share of the steps after which the picture of the training is taken."""


def demonstrate(root: Path | None, out: Path) -> int:
    """Run the Text tab's first recipe on its sample at desk size, in a window on whatever display there is.

    Leaves metrics.csv, training.png, finished-dark.png and finished-light.png in `out` and prints
    where everything is. Returns 0 when the run finished, 1 otherwise.
    """
    home = open_home(root)
    out.mkdir(parents=True, exist_ok=True)
    application()
    window = make_window(home, demo=False)
    window.resize(*SIZE)
    window.show()
    sweep(window)
    _serve(0.5)
    window.try_recipe(_first_recipe())
    page = window.recipe_page()
    assert page is not None
    folder = _started(page)
    tell(f"Run {folder.id}: {page.recipe.title}, desk preset")
    state = _watch(window, page, out / "training.png")
    window.close()
    _serve(0.2)
    _leave_behind(folder, state, out)
    return 0 if state.phase == "finished" else 1


def _first_recipe() -> str:
    found = [one.id for one in recipes().values() if one.tab == TEXT] or list(recipes())
    if not found:
        raise KnownTrouble("No recipe is installed.", fix="Install the package again.")
    return found[0]


def _started(page: RecipePage) -> RunFolder:
    end = time.monotonic() + START_WITHIN_S
    while page.model is None and time.monotonic() < end:
        _serve(0.1)
    if page.model is None:
        raise KnownTrouble(
            "The run did not start.",
            expected=f"a run within {START_WITHIN_S:g} s",
            received="none",
            fix="'workbench doctor' may know why.",
        )
    return page.model.folder


def _watch(window: MainWindow, page: RecipePage, picture: Path) -> JobState:
    """Serve the window until the run has ended, with a picture of its middle."""
    assert page.model is not None
    told = ""
    while (state := page.model.state).phase not in ENDED:
        _serve(0.1)
        if state.doing != told:
            told = state.doing
            tell(f"  {told}" + (f", {state.total} steps" if state.total else ""))
        if not picture.exists() and state.total and state.step >= MIDDLE * state.total:
            window.grab().save(str(picture))
    _serve(1.0)
    return page.model.state


def _leave_behind(folder: RunFolder, state: JobState, out: Path) -> None:
    from workbench.gui.snapshot import take

    home = open_home(folder.path.parent.parent)
    export_metrics(folder, out / "metrics.csv")
    take(home, "text", folder, out / "finished-dark.png", theme_name="dark", size=SIZE)
    take(home, "text", folder, out / "finished-light.png", theme_name="light", size=SIZE)
    results_table(state.results)
    say(f"{state.phase} after {duration(state.ended_at - state.started_at)}")
    say(f"run folder   {folder.path}")
    say(f"metrics      {(out / 'metrics.csv').resolve()}")
    for picture in sorted(out.glob("*.png")):
        say(f"screenshot   {picture.resolve()}")
    if state.problem is not None:
        tell(state.problem.text())


def _serve(seconds: float) -> None:
    """Let the window live for a while."""
    from PySide6.QtCore import QEventLoop
    from PySide6.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while True:
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
        if time.monotonic() >= end:
            return
        time.sleep(0.005)
