"""The data panel against a runner that answers from a list."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import msgspec
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent

from workbench.core.documents import DataPreview, RowProblem, Span, SpannedText
from workbench.core.problem import InputError
from workbench.core.settings import Settings
from workbench.gui.datapanel import DataPanel, described
from workbench.gui.link import Link
from workbench.gui.preview import seen_html
from workbench.gui.theme import DARK
from workbench.recipes import recipe
from workbench.store.home import open_home

REVIEWS = DataPreview(
    "CSV", "CSV, comma, UTF-8, with a header", ["id", "review", "mood"], [["1", "<b>fine</b>", "good"]], 81,
    {"text_column": "review", "label_column": "mood"}, {"good": 40, "bad": 41},
    [SpannedText("<b>fine</b> film", [Span(0, 3, "<b>"), Span(3, 7, "fine"), Span(7, 16, "cut off", 0.0)], [], "good")],
    [RowProblem(80, "has an empty text")], 1,
)  # fmt: skip


class Desk:
    """A runner whose inspect() hands out futures that the test settles."""

    def __init__(self, home) -> None:
        self.home, self.asked = home, []

    def inspect(self, what, **arguments):
        future = Future()
        self.asked.append((what, arguments, future))
        return future

    def close(self) -> None:
        """Nothing to let go of."""

    def answer(self, document, at: int = -1) -> None:
        future = self.asked[at][2]
        settle = future.set_exception if isinstance(document, Exception) else future.set_result
        value = document if isinstance(document, Exception) else msgspec.Raw(msgspec.json.encode(document))
        thread = threading.Thread(target=settle, args=(value,))
        thread.start()
        thread.join()


@pytest.fixture
def desk(own_home):
    return Desk(open_home(own_home))


@pytest.fixture
def panel(qtbot, desk):
    link = Link(desk.home, lambda: desk, Settings())
    panel = DataPanel(recipe("berturk-nlu"), link)
    qtbot.addWidget(panel)
    panel.set_params({"task": "classification", "max_length": 64})
    panel.show()
    yield panel
    link.close()


def chosen(qtbot, panel, desk, path="/data/reviews.csv"):
    before = len(desk.asked)
    panel.set_values({"data": path})
    qtbot.waitUntil(lambda: len(desk.asked) > before)
    return panel.details["data"]


def test_that_the_first_sample_is_chosen_and_needs_no_look(qtbot, panel, desk):
    assert panel.values() == {"data": "sample:docstrings-library"}
    assert panel.implied() == {"task": "classification"}
    assert panel.column_values() == {"text_column": "", "label_column": ""}
    assert desk.asked == []


def test_that_a_file_is_looked_at_and_its_columns_are_offered(qtbot, panel, desk):
    detail = chosen(qtbot, panel, desk)
    assert "Looking" in detail.line()
    what, arguments, _ = desk.asked[-1]
    assert what == "data" and arguments["address"] == "/data/reviews.csv" and not arguments["seen"]
    assert arguments["recipe"] == "berturk-nlu" and arguments["params"]["task"] == "classification"
    desk.answer(REVIEWS)
    qtbot.waitUntil(lambda: "comma" in detail.line())
    assert detail.columns["text_column"].choices() == ["id", "review", "mood"]
    assert detail.columns["text_column"].isVisible()
    assert panel.column_values() == {"text_column": "", "label_column": ""}
    assert detail.line() == "1 problem · CSV, comma, UTF-8, with a header · 81 rows · 2 labels"


def test_that_a_chosen_column_is_told_and_looked_at_again(qtbot, panel, desk):
    detail = chosen(qtbot, panel, desk)
    desk.answer(REVIEWS)
    qtbot.waitUntil(lambda: bool(detail.columns["text_column"].choices()))
    with qtbot.waitSignal(panel.changed):
        detail.columns["label_column"]._list.setCurrentIndex(1)
    assert panel.knobs() == {"text_column": "", "label_column": "id"}
    qtbot.waitUntil(lambda: len(desk.asked) == 2)
    assert desk.asked[-1][1]["params"]["label_column"] == "id"


def test_that_columns_of_a_former_file_are_forgotten(qtbot, panel, desk):
    detail = chosen(qtbot, panel, desk)
    desk.answer(REVIEWS)
    qtbot.waitUntil(lambda: bool(detail.columns["text_column"].choices()))
    panel.set_knobs({"text_column": "mood"})
    chosen(qtbot, panel, desk, "/data/other.csv")
    assert panel.column_values()["text_column"] == ""
    panel.set_values({"data": "sample:generated-entities"})
    assert not detail.columns["text_column"].isVisible() and detail.line() == ""


def test_that_a_late_answer_about_former_data_is_not_shown(qtbot, panel, desk):
    detail = chosen(qtbot, panel, desk)
    chosen(qtbot, panel, desk, "/data/other.csv")
    desk.answer(REVIEWS, at=0)
    desk.answer(msgspec.structs.replace(REVIEWS, detail="TSV, tab", columns=["a", "b"]), at=1)
    qtbot.waitUntil(lambda: "TSV" in detail.line())
    assert detail.columns["text_column"].choices() == ["a", "b"]


def test_that_a_problem_marks_the_field_at_fault(qtbot, panel, desk):
    detail = chosen(qtbot, panel, desk)
    desk.answer(InputError("The file is <b>empty</b>.", fix="Choose another.", field="data"))
    qtbot.waitUntil(lambda: "empty" in detail.field._fault.text())
    assert detail.field._fault.textFormat() == Qt.TextFormat.PlainText
    desk.asked.clear()
    left = panel.show_problems([InputError("No column.", field="label_column"), InputError("Odd.", field="epochs")])
    assert [one.field for one in left] == ["epochs"]
    assert detail.columns["label_column"]._fault.whole == "No column."
    panel.acquit()
    assert not detail.columns["label_column"]._fault.isVisibleTo(detail) and detail.field._fault.text() == ""


def test_that_the_task_decides_what_is_asked(qtbot, panel, desk):
    chosen(qtbot, panel, desk)
    desk.answer(REVIEWS)
    panel.set_params({"task": "entities", "max_length": 64})
    qtbot.waitUntil(lambda: len(desk.asked) == 2)
    assert desk.asked[-1][1]["params"]["task"] == "entities"
    panel.set_params({"task": "entities", "max_length": 128})
    qtbot.wait(300)
    assert len(desk.asked) == 2


def test_that_the_preview_opens_at_once_and_fills_later(qtbot, panel, desk):
    detail = panel.details["data"]
    detail._button.click()
    dialog = detail.dialog
    assert dialog.isVisible() and "Reading" in dialog.head.text()
    assert desk.asked[-1][1]["seen"]
    desk.answer(REVIEWS)
    qtbot.waitUntil(lambda: dialog.pages.count() == 3)
    assert [dialog.pages.tabText(at) for at in range(3)] == ["First rows", "What the model sees", "1 problem"]
    assert dialog.rows.item(0, 1).text() == "<b>fine</b>"
    assert dialog.problems.item(0, 0).text() == "81"
    assert dialog.labels.whole == "good: 40, bad: 41"
    dialog.close()


def test_that_a_failed_preview_says_why(qtbot, panel, desk):
    detail = panel.details["data"]
    detail.open_preview()
    dialog = detail.dialog
    desk.answer(
        InputError("This is not a text file.", expected="CSV", received="a PNG", fix="Export it.", field="data")
    )
    qtbot.waitUntil(lambda: "not a text" in dialog.head.text())
    assert dialog.problems.item(1, 1).text() == "a PNG"
    dialog.close()


def test_that_an_answer_after_the_pane_was_closed_harms_nobody(qtbot, panel, desk):
    detail = panel.details["data"]
    detail.open_preview()
    detail.dialog.close()
    qtbot.wait(20)
    desk.answer(REVIEWS)
    qtbot.wait(20)
    assert detail.line() == ""


def test_that_a_dropped_file_becomes_the_data(qtbot, panel, desk, tmp_path):
    path = tmp_path / "dropped.csv"
    path.write_text("text,label\n")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    field = panel.details["data"].field
    event = QDropEvent(
        QPointF(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    with qtbot.waitSignal(panel.changed):
        field.dropEvent(event)
    assert panel.values() == {"data": str(path)}


def test_that_texts_of_a_user_are_shown_and_never_interpreted():
    shown = seen_html(REVIEWS.seen, DARK)
    assert "<b>" not in shown and "&lt;b&gt;" in shown and "line-through" in shown


def test_that_a_fault_of_the_whole_file_stands_for_its_line():
    whole = msgspec.structs.replace(REVIEWS, problems=[RowProblem(-1, "There is one class only.")])
    assert described(whole) == "There is one class only."
