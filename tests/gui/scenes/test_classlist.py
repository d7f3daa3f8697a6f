"""Classes of points: which are listed, and which are drawn."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from PySide6.QtWidgets import QLabel

from tests.gui.scenes.pagethings import cloud, look_fields
from workbench.core.scenes import Column, Node
from workbench.gui.scenes.classlist import MOST_CLASSES, ClassList, classes_of
from workbench.gui.scenes.subsets import part_of
from workbench.gui.scenes.valuedialog import ValueDialog


@pytest.mark.parametrize(("column", "listed"), [
    (Column("c", "class", "", 2, 9, names={"2": "ground", "9": "water"}, present=(2, 9)),
     [(2, "ground (2)"), (9, "water (9)")]),
    (Column("c", "class", "", 2, 9, names={"2": ""}, present=(2, 5)), [(2, "2"), (5, "5")]),
    (Column("c", "class", "", 0, 2), [(0, "0"), (1, "1"), (2, "2")]),
    (Column("c", "class", "", names={"7": "tree"}), [(7, "tree (7)")]),
    (Column("instance", "class", "", 0, 4e9), []),
])  # fmt: skip
def test_that_classes_are_listed_that_occur_and_never_millions(column, listed):
    assert classes_of(column) == listed


def test_that_classes_without_a_switch_are_told_of_and_stay_as_they_are(qtbot):
    found = ClassList()
    qtbot.addWidget(found)
    found.show_classes([(one, str(one)) for one in range(50)], [3, 45])
    with qtbot.waitSignal(found.changed) as heard:
        found._boxes[4].setChecked(False)
    assert heard.args == [(3, 4, 45)] and len(found._boxes) == MOST_CLASSES
    assert any("10 more classes" in one.text() for one in found.findChildren(QLabel) if not one.isHidden())
    found.show_classes([], [])
    told = [one.text() for one in found.findChildren(QLabel) if not one.isHidden()]
    assert len(told) == 1 and told[0].startswith("Over 256 classes")


def test_that_a_part_lists_its_own_classes(tmp_path):
    whole = cloud(tmp_path)
    classes = np.load(whole.columns[1].path)
    assert part_of(whole, classes == 1, tmp_path).columns[1].present == (1,)


def test_that_instances_are_selected_by_a_range_and_the_look_of_them_is_shown(page, qtbot, tmp_path):
    made = cloud(tmp_path)
    many = tmp_path / "many.npy"
    np.save(many, np.arange(made.count, dtype=np.int64) * 4_000_000)
    column = Column("instance", "class", str(many), 0, 4e9)
    page.trees.add([Node("p", "scan", msgspec.structs.replace(made, columns=(column,)))], "read")
    page.scene.choose(["p"])
    assert "colour_by" in look_fields(qtbot, page)
    taken = []
    dialog = ValueDialog(page, page.scene.nodes["p"], lambda *args: taken.append(args))
    dialog.low.setValue(8e6)
    dialog.high.setValue(16e6)
    assert not dialog._form.isRowVisible(dialog.classes) and dialog._form.isRowVisible(dialog.low)
    dialog.accept()
    name, path, test, how = taken[0]
    assert (name, path, how) == ("p", str(many), "replace")
    assert np.flatnonzero(test(np.load(many))).tolist() == [2, 3, 4]
