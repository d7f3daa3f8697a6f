"""The window's sweeps: declared in a dialog, driven meanwhile, shown live, stopped, continued, put to use."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.plugins.fixtures import end_worker
from workbench.core import events as ev
from workbench.core.problem import ProblemRecord
from workbench.gui.sweepdialog import SweepDialog
from workbench.gui.sweepwindow import SweepWindow
from workbench.gui.window import MainWindow
from workbench.recipes import recipe, recipes
from workbench.runner import sweeps as sw
from workbench.runner.drive import drive
from workbench.runner.local import LocalRunner
from workbench.runner.scripted import ScriptedRunner
from workbench.store.home import Home
from workbench.store.runfolder import RunConfig, RunFolder

NAME = "wager"
WITHIN_MS = 30_000


@pytest.fixture(autouse=True)
def plugins(monkeypatch: pytest.MonkeyPatch) -> Iterable[None]:
    monkeypatch.setenv("WORKBENCH_PLUGINS", "tests.plugins.trials.recipe,tests.plugins.wager.recipe")
    monkeypatch.setenv("WORKBENCH_WARM", "")
    monkeypatch.setenv("WORKBENCH_DEVICE", "cpu")
    recipes.cache_clear()
    yield
    recipes.cache_clear()


def gains(folder: RunFolder) -> Iterable[ev.AnyEvent]:
    params = folder.config().params
    if params["stake"] == 13.0:
        yield ev.Failed(problem=ProblemRecord("lost everything"))
        return
    yield ev.Metric(name="gain", value=params["stake"], step=1, series="test")
    yield ev.Finished(results={"gain": params["stake"]})


@pytest.fixture
def at_once(scripted: ScriptedRunner) -> ScriptedRunner:
    scripted._by_hand = False
    scripted.script = gains
    return scripted


def ask(window: MainWindow) -> SweepDialog:
    window.open_recipe(NAME).sweep_action.trigger()
    found = window.findChild(SweepDialog)
    assert isinstance(found, SweepDialog)
    return found


def begin(window: MainWindow, qtbot: QtBot, span: str = "3,1,2", sampler: str = "grid") -> SweepWindow:
    dialog = ask(window)
    dialog.rows["stake"].span.setText(span)
    dialog.rows["stake"].tick.setChecked(True)
    dialog.sampler_box.setCurrentIndex(dialog.sampler_box.findData(sampler))
    qtbot.mouseClick(dialog.start_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.findChild(SweepWindow) is not None, timeout=WITHIN_MS)
    found = window.findChild(SweepWindow)
    assert isinstance(found, SweepWindow)
    return found


def test_that_a_sweep_is_declared_driven_and_put_to_use_from_the_window(
    open_window: Callable[..., MainWindow], at_once: ScriptedRunner, qtbot: QtBot
) -> None:
    window = open_window()
    shown = begin(window, qtbot)
    qtbot.waitUntil(lambda: shown.headline.text() == "3 of 3 runs done", timeout=WITHIN_MS)
    assert shown.sheet is not None and shown.sheet.shown() == 3
    assert [axis.scale.name for axis in shown.parallel.axes] == ["stake", "gain"]
    assert "stake 3" in shown.about.whole
    qtbot.waitUntil(lambda: not shown.stop_button.isVisible(), timeout=WITHIN_MS)
    assert shown.use_button.isEnabled() and not shown.go_button.isVisible()
    shown.use_button.click()
    qtbot.waitUntil(lambda: window.open_recipe(NAME).setup.form.values()["stake"] == 3.0)


def test_that_another_trial_can_be_chosen_and_its_run_shown(
    open_window: Callable[..., MainWindow], at_once: ScriptedRunner, qtbot: QtBot
) -> None:
    window = open_window()
    shown = begin(window, qtbot)
    qtbot.waitUntil(lambda: shown.headline.text() == "3 of 3 runs done", timeout=WITHIN_MS)
    assert shown.sheet is not None and shown.standing is not None
    last = sw.by_value(shown.standing)[-1]
    shown.sheet.choose(last.run)
    assert shown.use_button.text() == "Use these values" and shown.show_button.isEnabled()
    shown.show_button.click()
    page = window.open_recipe(NAME)
    qtbot.waitUntil(lambda: page.model is not None and page.model.folder.id == last.run, timeout=WITHIN_MS)


def test_that_failed_trials_are_listed_with_their_reason(
    open_window: Callable[..., MainWindow], at_once: ScriptedRunner, qtbot: QtBot
) -> None:
    shown = begin(open_window(), qtbot, span="13,1")
    qtbot.waitUntil(lambda: shown.headline.text() == "2 of 2 runs done", timeout=WITHIN_MS)
    assert shown.sheet is not None
    texts = [str(shown.sheet.model().index(1, column).data()) for column in range(shown.sheet.model().columnCount())]
    assert "failed" in texts and "lost everything" in texts


def test_that_every_mistake_is_marked_on_its_field_and_nothing_starts(
    open_window: Callable[..., MainWindow], home: Home, qtbot: QtBot
) -> None:
    window = open_window()
    dialog = ask(window)
    for name, span in (("stake", "5..1"), ("luck", "7,8")):
        dialog.rows[name].span.setText(span)
        dialog.rows[name].tick.setChecked(True)
    dialog.start()
    qtbot.waitUntil(lambda: bool(dialog.rows["luck"].fault.text()), timeout=WITHIN_MS)
    assert "lower end first" in dialog.rows["stake"].fault.text()
    assert not dialog.rows["fails"].fault.text()
    assert dialog.start_button.isEnabled()
    assert not sw.sweeps(home)


def test_that_a_sweep_of_nothing_says_what_is_missing(open_window: Callable[..., MainWindow], qtbot: QtBot) -> None:
    dialog = ask(open_window())
    dialog.start()
    qtbot.waitUntil(dialog.banner.isVisible, timeout=WITHIN_MS)
    assert dialog.banner.record is not None and "needs a knob" in dialog.banner.record.what


def test_that_a_stopped_sweep_can_be_continued(
    open_window: Callable[..., MainWindow], scripted: ScriptedRunner, qtbot: QtBot
) -> None:
    scripted.script = gains
    window = open_window()
    shown = begin(window, qtbot)
    qtbot.waitUntil(lambda: len(scripted.state().queue) == 1, timeout=WITHIN_MS)
    shown.stop_button.click()
    qtbot.waitUntil(lambda: not shown.go_button.isHidden(), timeout=WITHIN_MS)
    assert shown.headline.text() == "0 of 3 runs done · stands still"
    scripted._by_hand = False
    shown.go_button.click()
    qtbot.waitUntil(lambda: shown.headline.text() == "3 of 3 runs done", timeout=WITHIN_MS)


def test_that_closing_the_main_window_lets_go_and_a_later_one_takes_up(
    open_window: Callable[..., MainWindow], scripted: ScriptedRunner, qtbot: QtBot
) -> None:
    scripted.script = gains
    first = open_window()
    begin(first, qtbot)
    qtbot.waitUntil(lambda: len(scripted.state().queue) == 1, timeout=WITHIN_MS)
    assert "proposes no more" in first.sweeps().closing_note()
    first.leave_quietly()
    assert not [word for word, _ in scripted.asked if word in ("cancel", "keep")]
    scripted.play()
    window = open_window()
    window.sweeps().show_last(recipe(NAME))
    shown = window.findChild(SweepWindow)
    assert isinstance(shown, SweepWindow)
    qtbot.waitUntil(lambda: not shown.go_button.isHidden(), timeout=WITHIN_MS)
    scripted._by_hand = False
    shown.go_button.click()
    qtbot.waitUntil(lambda: shown.headline.text() == "3 of 3 runs done", timeout=WITHIN_MS)
    assert shown.standing is not None
    assert sorted(trial.value or 0 for trial in shown.standing.trials) == [1.0, 2.0, 3.0]


def test_that_a_sweep_goes_on_while_its_own_window_is_closed(
    open_window: Callable[..., MainWindow], scripted: ScriptedRunner, home: Home, qtbot: QtBot
) -> None:
    scripted.script = gains
    window = open_window()
    shown = begin(window, qtbot)
    qtbot.waitUntil(lambda: len(scripted.state().queue) == 1, timeout=WITHIN_MS)
    shown.close()
    name = sw.sweeps(home)[0].id
    assert window.sweeps().driving(name)
    scripted._by_hand = False
    scripted.play()
    qtbot.waitUntil(lambda: not window.sweeps().driving(name), timeout=WITHIN_MS)


def test_that_a_recipe_never_searched_says_so(open_window: Callable[..., MainWindow], qtbot: QtBot) -> None:
    window = open_window()
    window.open_recipe(NAME).sweep_wanted.emit(None)
    shown = window.findChild(SweepWindow)
    assert isinstance(shown, SweepWindow)
    qtbot.waitUntil(lambda: "never searched" in shown.headline.text(), timeout=WITHIN_MS)


def test_that_an_earlier_sweep_is_chosen_from_a_list_within_the_window(
    open_window: Callable[..., MainWindow], home: Home, qtbot: QtBot
) -> None:
    for span in ("1,2", "3,4"):
        sw.create(home, sw.declare(recipe(NAME), RunConfig(NAME, {}), {"stake": span}, sampler="grid"))
    window = open_window()
    window.sweeps().show_last(recipe(NAME))
    shown = window.findChild(SweepWindow)
    assert isinstance(shown, SweepWindow)
    qtbot.waitUntil(lambda: shown.chooser.isVisible() and shown.chooser.x() > 0, timeout=WITHIN_MS)
    assert shown.rect().contains(shown.chooser.geometry())


def test_that_brushes_pick_trials_in_the_table(
    open_window: Callable[..., MainWindow], home: Home, at_once: ScriptedRunner, qtbot: QtBot
) -> None:
    folder = sw.create(home, sw.declare(recipe(NAME), RunConfig(NAME, {}), {"stake": "1,2,3,4"}, sampler="grid"))
    drive(ScriptedRunner(home, gains), recipe(NAME), folder, lambda _: None)
    window = open_window()
    window.sweeps().show_last(recipe(NAME))
    shown = window.findChild(SweepWindow)
    assert isinstance(shown, SweepWindow)
    qtbot.waitUntil(lambda: shown.sheet is not None and shown.sheet.shown() == 4, timeout=WITHIN_MS)
    assert shown.sheet is not None
    shown.parallel.set_brush("gain", 0.5, 1.0)
    assert shown.sheet.shown() == 2
    shown.parallel.clear_brushes()
    assert shown.sheet.shown() == 4


def test_that_a_real_worker_carries_twelve_runs_out_from_the_window(qtbot: QtBot, home: Home) -> None:
    from workbench.app import make_window

    runner = LocalRunner(home, client="test")
    window = make_window(home, demo=False, make_runner=lambda: runner)
    try:
        window.show()
        qtbot.waitUntil(lambda: window.link.state.pid > 0, timeout=WITHIN_MS)
        shown = begin(window, qtbot, span="0..10", sampler="tpe")
        qtbot.waitUntil(lambda: shown.headline.text() == "12 of 12 runs done", timeout=4 * WITHIN_MS)
        assert shown.standing is not None and shown.standing.best is not None
        assert shown.standing.best.value == max(trial.value or 0 for trial in shown.standing.trials)
    finally:
        window.leave_quietly()
        end_worker(home)
        window.deleteLater()
