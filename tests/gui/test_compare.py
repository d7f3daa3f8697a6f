"""The Compare page over real run folders: curves, tables, side by side, and runs that are not as they should be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from tests.gui.runs import demo_recipe, write_run
from tests.report.conftest import make_run, retitle
from workbench.core import events as ev
from workbench.gui.compare.comparison import MOST_RUNS
from workbench.gui.pages.compare import ComparePage
from workbench.gui.window import MainWindow
from workbench.report.formats import FORMATS
from workbench.store.home import Home
from workbench.store.runfolder import RunConfig, RunFolder, create_run


@pytest.fixture
def window(open_window: Callable[..., MainWindow]) -> MainWindow:
    return open_window(recipes={"demo-nlu": demo_recipe()})


@pytest.fixture
def compare(window: MainWindow, qtbot: QtBot) -> Callable[..., ComparePage]:
    """Open runs on the page and wait until everything is drawn."""

    def show(*runs: RunFolder | str) -> ComparePage:
        window.open_compare([run if isinstance(run, str) else run.id for run in runs])
        page = window.pages["compare"]
        assert isinstance(page, ComparePage)
        settle(page, qtbot)
        return page

    return show


def settle(page: ComparePage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: page.comparison.caught_up and not page._waiting, timeout=10_000)


def choose(page: ComparePage, metric: str, qtbot: QtBot) -> None:
    page.metric_box.setCurrentIndex(page.metric_box.findData(metric))
    settle(page, qtbot)


def test_that_the_empty_page_says_what_to_do_and_leads_there(window: MainWindow, qtbot: QtBot) -> None:
    next(one for one in window.actions_known() if one.text() == "Compare runs…").trigger()
    page = window.pages["compare"]
    assert window.stack.currentWidget() is page and isinstance(page, ComparePage)
    assert not page.export_button.isEnabled()
    page.runs_wanted.emit()
    assert window.stack.currentWidget() is window.pages["runs"]


def test_that_every_run_has_a_line_in_its_own_colour(
    compare: Callable[..., ComparePage], home: Home, qtbot: QtBot
) -> None:
    runs = [make_run(home, seed=seed) for seed in range(3)]
    page = compare(*runs)
    assert page.metric_box.currentData() == "macro_f1"
    choose(page, "loss", qtbot)
    assert [len(line.values) for line in page.curves.lines] == [100, 100, 100]
    assert len({line.colour.name() for line in page.curves.lines}) == 3
    assert [int(line.steps[at]) for line, at in page.curves.bests()] == [100, 100, 100]
    assert page.curves.caption.startswith("best 0.010")
    readout = [words for words, _ in page.curves._readout(50.0)]
    assert readout[0] == "step 50" and runs[0].id[-6:] in readout[1]


def test_that_hiding_a_run_takes_its_line_away_and_keeps_it_in_the_tables(
    compare: Callable[..., ComparePage], home: Home, qtbot: QtBot
) -> None:
    runs = [make_run(home, seed=seed) for seed in range(2)]
    page = compare(*runs)
    page.list.rows[runs[0].id].swatch.click()
    settle(page, qtbot)
    assert {page.curves.strokes[line.label].run for line in page.curves.lines} == {runs[1].id}
    assert len(page.results.heads()) == 2
    assert "1 hidden" in page.about.whole
    page.list.rows[runs[1].id].swatch.click()
    settle(page, qtbot)
    assert page.curves.lines == []
    page.list.rows[runs[0].id].swatch.click()
    settle(page, qtbot)
    assert len(page.curves.lines) == 1


def test_that_tables_show_what_differs_and_who_is_best(
    compare: Callable[..., ComparePage], home: Home, qtbot: QtBot
) -> None:
    page = compare(make_run(home, seed=0), make_run(home, seed=1))
    assert [row.name for row in page.settings.rows()] == ["seed", "epochs"]
    page.all_settings.click()
    settle(page, qtbot)
    assert {"recipe", "learning_rate", "data", "torch"} <= {row.name for row in page.settings.rows()}
    rows = {row.name: row for row in page.results.rows()}
    assert rows["Macro F1, result"].cells == ("0.5123", "1.512") and rows["Macro F1, result"].winners == (1,)
    assert rows["Loss · train, best"].winners == (0,)
    page.results.copy()
    assert "Macro F1, result\t0.5123\t1.512" in QGuiApplication.clipboard().text()


def test_that_missing_and_damaged_runs_are_told_in_place_and_others_go_on(
    compare: Callable[..., ComparePage], home: Home, qtbot: QtBot
) -> None:
    good, damaged, torn = make_run(home, seed=0), make_run(home, seed=1), make_run(home, seed=2)
    (damaged.path / "run.json").write_text("{")
    with torn.events_path.open("ab") as file:
        file.write(b"garbage\n")
    fresh = create_run(home.runs, RunConfig(recipe="demo-nlu", params={}))
    page = compare(good, "20200101-000000-gone-abcdef", damaged, torn, fresh)
    trouble = {run: line.trouble.text() for run, line in page.list.rows.items()}
    assert trouble[good.id] == ""
    assert "not there any more" in trouble["20200101-000000-gone-abcdef"]
    assert "not a readable run" in trouble[damaged.id]
    assert "1 line of its events" in trouble[torn.id]
    assert trouble[fresh.id] == "Nothing was written yet."
    assert {page.curves.strokes[line.label].run for line in page.curves.lines} == {good.id, damaged.id, torn.id}
    fresh.append(ev.Metric(1.0, "macro_f1", 0.3, 1, "validation"))
    qtbot.waitUntil(lambda: fresh.id in {page.curves.strokes[line.label].run for line in page.curves.lines})
    assert page.list.rows[fresh.id].trouble.text() == ""


def test_that_a_live_run_goes_on_moving(compare: Callable[..., ComparePage], home: Home, qtbot: QtBot) -> None:
    live = create_run(home.runs, RunConfig(recipe="demo-nlu", params={}))
    live.append(ev.Started(1.0, attempt=1), ev.Metric(1.0, "macro_f1", 0.1, 1, "validation"))
    page = compare(make_run(home, seed=0), live)
    live.append(ev.Metric(2.0, "macro_f1", 0.9, 2, "validation"), ev.Metric(2.0, "later", 0.9, 2))
    qtbot.waitUntil(lambda: page.curves.caption.startswith("best 0.900"))
    qtbot.waitUntil(lambda: page.metric_box.findData("later") >= 0)
    assert page.metric_box.currentData() == "macro_f1"


def test_that_runs_are_added_and_left_out_and_colours_are_given_again(
    compare: Callable[..., ComparePage], window: MainWindow, home: Home, qtbot: QtBot
) -> None:
    first, second, third = (make_run(home, seed=seed) for seed in range(3))
    page = compare(first, second)
    page.list.rows[first.id].remove.click()
    picker = page.pick()
    qtbot.waitUntil(lambda: picker.sheet.shown() == 2)
    picker.sheet.opened.emit(third.id)
    qtbot.waitUntil(lambda: picker.sheet.shown() == 1)
    picker.close()
    settle(page, qtbot)
    assert list(page.comparison.members) == [second.id, third.id]
    assert [one.place for one in page.comparison.members.values()] == [1, 0]
    page.list.rows[third.id].open.click()
    qtbot.waitUntil(lambda: window.recipe_page() is not None)


def test_that_no_more_than_twenty_runs_are_compared(compare: Callable[..., ComparePage], home: Home) -> None:
    runs = [create_run(home.runs, RunConfig(recipe="demo-nlu", params={"n": n})) for n in range(MOST_RUNS + 2)]
    page = compare(*runs)
    assert len(page.comparison.members) == MOST_RUNS
    assert "2 runs were left out" in page.banner._what.text()
    assert not page.add_action.isEnabled()


def test_that_artifacts_stand_side_by_side_under_one_slider(
    compare: Callable[..., ComparePage], home: Home, qtbot: QtBot
) -> None:
    short, long = write_run(home.runs, steps=100, total=100, ended=True), write_run(home.runs, steps=400, ended=True)
    page = compare(short, long)
    page.tabs.setCurrentIndex(1)
    side = page.side
    side.slots.setCurrentIndex(side.slots.findData("confusion"))
    side.timeline.look_at(100)
    settle(page, qtbot)
    steps = {run: place.view.artifact.step for run, place in side.places.items() if place.view and place.view.artifact}
    assert steps == {short.id: 100, long.id: 100}
    side.axis.setCurrentIndex(1)
    side.timeline.look_at(500)
    settle(page, qtbot)
    steps = {run: place.view.artifact.step for run, place in side.places.items() if place.view and place.view.artifact}
    assert steps == {short.id: 50, long.id: 200}
    assert side.timeline._label.text() == "50 % of each run"
    side.timeline.look_at(0)
    settle(page, qtbot)
    assert side.places[short.id].caption() == "nothing at this point"
    side.timeline.follow()
    settle(page, qtbot)
    assert side.places[long.id].title().endswith("step 400")


def test_that_one_place_can_be_looked_at_alone(compare: Callable[..., ComparePage], home: Home, qtbot: QtBot) -> None:
    runs = [make_run(home, seed=seed) for seed in range(2)]
    page = compare(*runs)
    page.tabs.setCurrentIndex(1)
    side = page.side
    side.places[runs[0].id].zoomed.emit("x")
    assert [place.isHidden() for place in side.places.values()] == [False, True]
    side.places[runs[0].id].zoomed.emit("x")
    assert [place.isHidden() for place in side.places.values()] == [False, False]


def test_that_markup_in_a_title_is_shown_as_it_is(compare: Callable[..., ComparePage], home: Home) -> None:
    run = retitle(make_run(home, seed=0), "<b>bold</b>")
    page = compare(run, make_run(home, seed=1))
    assert page.list.rows[run.id].name.whole == "<b>bold</b>"
    assert page.results.heads()[0] == "<b>bold</b>"
    assert "&lt;b&gt;" in page.list.rows[run.id].name.toolTip()


def test_that_closing_the_window_stops_all_reading(
    window: MainWindow, compare: Callable[..., ComparePage], home: Home
) -> None:
    page = compare(make_run(home, seed=0), make_run(home, seed=1))
    threads = [one.model._thread for one in page.comparison.members.values() if one.model is not None]
    window.leave_quietly()
    assert not any(thread.is_alive() for thread in threads)


def test_that_a_comparison_is_taken_away_as_one_report(
    compare: Callable[..., ComparePage], home: Home, qtbot: QtBot, tmp_path: Path
) -> None:
    page = compare(make_run(home, seed=0), make_run(home, seed=1))
    dialog = page.exporter.ask(FORMATS["html"])
    assert dialog is not None
    dialog.fileSelected.emit(str(tmp_path / "both.html"))
    dialog.close()
    qtbot.waitUntil(lambda: "Written" in page.banner._what.text(), timeout=20_000)
    assert "2 runs compared" in (tmp_path / "both.html").read_text()
    assert page.banner.remedies() == ["Open", "Show folder"]


def test_that_a_folder_that_holds_a_run_already_is_asked_about(
    compare: Callable[..., ComparePage], home: Home, qtbot: QtBot, tmp_path: Path
) -> None:
    page = compare(make_run(home, seed=0), make_run(home, seed=1))
    runs, form = page._folders(), FORMATS["tensorboard"]
    page.exporter.write(runs, form, tmp_path)
    qtbot.waitUntil(lambda: "Written" in page.banner._what.text())
    page.exporter.write(runs, form, tmp_path)
    qtbot.waitUntil(lambda: page.banner.record is not None)
    assert "--force" not in page.banner._fix.text()
    page.banner.press("Replace it")
    qtbot.waitUntil(lambda: "Written" in page.banner._what.text())


def test_that_an_export_that_fails_says_why(
    compare: Callable[..., ComparePage], home: Home, qtbot: QtBot, tmp_path: Path
) -> None:
    page = compare(make_run(home, seed=0), make_run(home, seed=1))
    page.exporter.write(page._folders(), FORMATS["csv"], tmp_path / "nowhere" / "m.csv")
    qtbot.waitUntil(lambda: page.banner.record is not None)
    assert page.banner.record is not None and "no such folder" in page.banner.record.what


def test_that_a_run_is_exported_from_its_tab(window: MainWindow, home: Home, qtbot: QtBot, tmp_path: Path) -> None:
    run = make_run(home, seed=0)
    page = window.open_recipe("demo-nlu")
    exports = [one for one in window.actions_known() if one.text().startswith("Export")]
    assert len(exports) == len(FORMATS) + 1 and not any(one.isEnabled() for one in exports)
    page.show_run(run)
    assert all(one.isEnabled() for one in exports)
    page.export_action.trigger()
    assert page.exporter.menu.isVisible()
    page.exporter.menu.close()
    page.exporter.write(page.exporter.runs(), FORMATS["json"], tmp_path / "r.json")
    qtbot.waitUntil(lambda: "Written" in page.banner._what.text())
    assert msgspec.json.decode((tmp_path / "r.json").read_bytes())["runs"][0]["run"] == run.id


def test_that_the_runs_page_hands_over_what_was_chosen(window: MainWindow, home: Home, qtbot: QtBot) -> None:
    runs = [make_run(home, seed=seed).id for seed in range(2)]
    page = window.open_page("runs")
    page.compared.emit(runs)  # type: ignore[attr-defined]
    compare = window.pages["compare"]
    assert isinstance(compare, ComparePage) and list(compare.comparison.members) == runs
    assert window.stack.currentWidget() is compare and window.rail.marked() == "runs"
    settle(compare, qtbot)
