"""The confusion matrix."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QFont, QFontMetricsF

from workbench.core.documents import ConfusionDoc, write
from workbench.gui.views.confusion import ConfusionView, GridLayout

from . import artifacts


@pytest.fixture
def view(qtbot, tmp_path):
    shown = ConfusionView()
    qtbot.addWidget(shown)
    shown.resize(420, 400)
    shown.show()
    shown.show_artifact(tmp_path, artifacts.confusion(tmp_path, artifacts.items(600)))
    return shown


def click(qtbot, view, cell):
    middle = view.grid.layout_of().cell(*cell).center().toPoint()
    qtbot.mouseClick(view.grid, Qt.MouseButton.LeftButton, pos=middle)


def test_that_a_clicked_cell_tells_its_items(qtbot, view):
    with qtbot.waitSignal(view.picked) as caught:
        click(qtbot, view, (3, 3))
    picked = caught.args[0]
    assert len(picked) == view.content.counts[3, 3] > 0
    assert {(item.label, item.predicted) for item in picked} == {("numpy", "numpy")}
    assert view.picked_title == f"True numpy, predicted numpy · {len(picked)}"


def test_that_arrow_keys_and_enter_do_the_same(qtbot, view):
    view.grid.setFocus()
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Right):
        qtbot.keyClick(view.grid, key)
    assert view.grid.cursor_cell == (1, 1)
    with qtbot.waitSignal(view.picked) as caught:
        qtbot.keyClick(view.grid, Qt.Key.Key_Return)
    assert {item.label for item in caught.args[0]} == {"monai"}
    for _ in range(30):
        qtbot.keyClick(view.grid, Qt.Key.Key_Right)
    assert view.grid.cursor_cell == (1, 9)


def test_that_a_cell_under_the_pointer_is_read_out(qtbot, view):
    qtbot.mouseMove(view.grid, view.grid.layout_of().cell(0, 0).center().toPoint())
    view.grid._hover((0, 1))
    assert view.caption.startswith("matplotlib taken for monai: ")
    view.grid._hover(None)
    assert "right" in view.caption


def test_that_beside_the_matrix_nothing_is_picked(qtbot, view):
    told = []
    view.picked.connect(told.append)
    qtbot.mouseClick(view.grid, Qt.MouseButton.LeftButton, pos=QPoint(2, 2))
    assert told == []


def test_that_positions_beyond_the_items_are_passed_over(qtbot, tmp_path, view):
    write(tmp_path / "confusion.json", ConfusionDoc(["a", "b"], [[2, 0], [0, 1]], {"0,0": [0, 99999, -3]}))
    view.show_artifact(tmp_path, view.artifact)
    with qtbot.waitSignal(view.picked) as caught:
        click(qtbot, view, (0, 0))
    assert len(caught.args[0]) == 1


@pytest.mark.parametrize("size", [(200, 160), (300, 290), (560, 300), (900, 700)])
@pytest.mark.parametrize("count", [2, 10, 40])
def test_that_labels_never_overlap(qtbot, size, count):
    font = QFont("Inter", 9)
    labels = [f"a rather long name {number}" for number in range(count)]
    layout = GridLayout.fit(labels, *size, font)
    line = QFontMetricsF(font).height()
    assert layout.every_row * layout.cell_height >= line * 0.9
    between = layout.every_column * layout.cell_width
    if layout.lean_degrees:
        assert between >= line * 0.9
    else:
        assert max(QFontMetricsF(font).horizontalAdvance(label) for label in labels) <= between
    assert layout.left + count * layout.cell_width <= size[0] + 1
    assert layout.top + count * layout.cell_height <= size[1]


def test_that_counts_are_written_only_where_they_fit(qtbot):
    font = QFont("Inter", 9)
    roomy = GridLayout.fit(["a", "b"], 300, 300, font)
    tight = GridLayout.fit([str(number) for number in range(60)], 300, 300, font)
    assert roomy.count_font(font, 12_345) is not None
    assert tight.count_font(font, 12_345) is None
