"""Faults of the program open a report; the doctor looks without holding the window up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from workbench.app import _watched
from workbench.core import events as ev
from workbench.core.problem import KnownTrouble, ProblemRecord, record_of
from workbench.gui.doctorview import DoctorDialog, summary
from workbench.gui.palette import name_of
from workbench.gui.report import ReportDialog
from workbench.gui.window import MainWindow
from workbench.runner.doctor import Finding
from workbench.runner.scripted import ScriptedRunner
from workbench.store.runfolder import RunConfig

Open = Callable[..., MainWindow]


def bug(name: str = "Jane Doe") -> ProblemRecord:
    try:
        raise KeyError(name)
    except KeyError as error:
        return record_of(error)


def report_of(window: MainWindow, qtbot: QtBot) -> ReportDialog:
    qtbot.waitUntil(lambda: window.findChild(ReportDialog) is not None)
    dialog = window.findChild(ReportDialog)
    qtbot.waitUntil(lambda: "Trace:" in dialog.text.toPlainText())
    return dialog


def test_that_a_fault_opens_a_report_that_can_be_copied_and_saved(
    open_window: Open, qtbot: QtBot, tmp_path: Path
) -> None:
    window = open_window()
    window.link.problem.emit(bug())
    dialog = report_of(window, qtbot)
    text = dialog.text.toPlainText()
    assert "tests/gui/test_problems.py" in text or "test_problems.py" in text
    assert "transfer-workbench" in text and "Jane" not in text
    dialog.copy()
    assert QGuiApplication.clipboard().text() == text
    dialog.save(tmp_path / "report.txt")
    qtbot.waitUntil(lambda: "Saved" in dialog._told.text())
    assert (tmp_path / "report.txt").read_text("utf-8") == text
    dialog.save(tmp_path / "no such folder" / "report.txt")
    qtbot.waitUntil(lambda: "Not saved" in dialog._told.text())


def test_that_many_faults_open_one_report_that_counts(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    for _ in range(50):
        window.link.problem.emit(bug())
    assert len(window.findChildren(ReportDialog)) == 1
    assert report_of(window, qtbot).times == 50
    assert window.banner.remedies() == ["Report…"]


def test_that_a_known_trouble_opens_none(open_window: Open) -> None:
    window = open_window()
    window.link.problem.emit(KnownTrouble("The disk is full.").record())
    assert window.findChild(ReportDialog) is None and window.banner.isVisible()


def test_that_a_run_that_falls_over_here_opens_a_report_with_its_recipe(
    open_window: Open, scripted: ScriptedRunner, qtbot: QtBot
) -> None:
    scripted.script = [ev.Log(message="reading"), ev.Failed(problem=bug())]
    window = open_window()
    window.open_recipe("berturk-nlu")
    scripted.submit(RunConfig(recipe="berturk-nlu", params={"epochs": 5}, preset="desk"))
    qtbot.waitUntil(lambda: window.recipe_page() is not None and window.recipe_page().model is not None)
    page = window.recipe_page()
    qtbot.waitUntil(lambda: page.model.state.phase == "running")
    scripted.play()
    text = report_of(window, qtbot).text.toPlainText()
    assert "Recipe: berturk-nlu" in text and "epochs=5" in text and "info: reading" in text


def test_that_what_nobody_caught_reaches_the_window_from_any_thread(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    told: list[ProblemRecord] = []
    window.link.problem.connect(told.append)
    with _watched(window):
        falling = threading.Thread(target=lambda: int("no number"), name="falls over")
        falling.start()
        falling.join()
    qtbot.waitUntil(lambda: bool(told))
    assert "ValueError" in told[0].what and told[0].severity == "bug"


def test_that_the_doctor_shows_what_the_command_line_says(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    action = next(one for one in window.actions_known() if name_of(one).startswith("Doctor"))
    action.trigger()
    dialog = window.findChild(DoctorDialog)
    assert dialog is not None
    qtbot.waitUntil(lambda: "…" not in dialog._summary.text(), timeout=30_000)
    names = [one.name for one in dialog.examination.findings]
    assert names[0] == "python" and names[-2:] == ["disk", "worker"]
    said = [label.text() for label in dialog.findChildren(QLabel)]
    for one in dialog.examination.findings:
        assert one.detail in said
        assert not one.fix or f"Fix: {one.fix}" in said
    lacking = [one for one in dialog.examination.findings if one.state != "ok"]
    assert ("doctor" in window.status.text()) == bool(lacking)
    window.attention.open_doctor()
    assert len(window.findChildren(DoctorDialog)) == 1


def test_that_the_status_bar_tells_what_is_missing_and_opens_the_doctor(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    window.status.show_findings([Finding("python", "ok", ""), Finding("audio", "missing", "none", "Plug it in.")])
    assert "doctor: 1 missing" in window.status.text()
    window.status.show_findings([Finding("packages", "broken", "", "Install."), Finding("GPU", "missing", "", "Buy.")])
    assert "doctor: 1 broken" in window.status.text()
    window.status._doctor.click()
    assert window.findChild(DoctorDialog) is not None
    window.status.show_findings([Finding("python", "ok", "")])
    assert "doctor" not in window.status.text()


def test_that_the_doctor_counts_in_words() -> None:
    ok, lack, wrong = (Finding("x", state, "") for state in ("ok", "missing", "broken"))
    assert summary([ok]) == "Everything is there."
    assert summary([ok, lack]) == "1 thing is missing, which costs a feature each; none is broken."
    assert summary([wrong, wrong]) == "2 things are broken."
