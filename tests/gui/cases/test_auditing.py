"""The audit log in the window."""

from __future__ import annotations

import pytest

from workbench.core.review import cases_of
from workbench.gui.cases.auditing import AuditDialog, read_log
from workbench.store.worklist import NAME, Worklist


@pytest.fixture
def folder(tmp_path):
    log = Worklist(tmp_path / "review")
    (first, second) = log.add_cases("Ada", [("/data/a.nii.gz", "a.nii.gz"), ("/data/b.nii.gz", "b.nii.gz")])
    log.write("Ada", "state", case=first.case, state="corrected", dice={"Liver": 0.9, "Spleen": 0.7},
              model="hi-end-mae 20260101", after="ab" * 32, seconds=61.0)  # fmt: skip
    log.write("Bob", "comment", case=second.case, text="look at the left side")
    return log.folder


def shown(dialog):
    model = dialog.sheet.model()
    return [[model.index(row, at).data() for at in range(model.columnCount())] for row in range(model.rowCount())]


def test_that_the_log_is_shown_newest_first_with_model_dice_and_who(folder, qtbot):
    entries, found = read_log(folder)
    dialog = AuditDialog(None, entries, found, cases_of(entries, {}))
    qtbot.addWidget(dialog)
    rows = shown(dialog)
    assert [row[0] for row in rows] == ["4", "3", "2", "1"]
    assert rows[0][2:] == ["Bob", "comment", "b.nii.gz", "", "", "look at the left side"]
    assert rows[1][2:7] == ["Ada", "corrected", "a.nii.gz", "0.800", "hi-end-mae 20260101"]
    assert rows[1][7] == "61 s  ·  labels abababababab"
    assert dialog.verdict.whole.startswith("4 lines, each follows") and found.head[:12] in dialog.verdict.whole
    dialog.search.setText("left side")
    assert dialog.sheet.shown() == 1


def test_that_the_open_case_is_shown_alone_until_all_are_asked_for(folder, qtbot):
    entries, found = read_log(folder)
    dialog = AuditDialog(None, entries, found, {}, entries[0].case)
    qtbot.addWidget(dialog)
    assert [row[0] for row in shown(dialog)] == ["3", "1"]
    dialog.all.click()
    assert len(shown(dialog)) == 4


def test_that_a_changed_line_is_said_first(folder, qtbot):
    path = folder / NAME
    path.write_bytes(path.read_bytes().replace(b"left", b"west"))
    entries, found = read_log(folder)
    dialog = AuditDialog(None, entries, found, {})
    qtbot.addWidget(dialog)
    assert "not as it was written" in dialog.verdict.whole and dialog.verdict.property("role") == "error"
    nothing = read_log(folder / "none")
    empty = AuditDialog(None, *nothing, {})
    qtbot.addWidget(empty)
    assert empty.verdict.whole == "Nothing has been reviewed yet." and shown(empty) == []
