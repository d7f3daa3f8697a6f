"""The audit log in the window: who did what when, and whether every line still follows the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QDialog, QDialogButtonBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from workbench.core.review import Entry, ReviewCase
from workbench.core.words import count
from workbench.gui.card import Caption
from workbench.gui.sheet import Sheet
from workbench.gui.theme import theme
from workbench.store.worklist import Audit, Worklist, audit

COLUMNS = ("", "When", "Who", "What", "Case", "Dice", "Model", "Details")
WIDEST_PX = {"Case": 180, "Model": 160}
"""What is cut short here stands whole in the tooltip."""
ROOM_PX = (1120, 600)
SHOWN_OF_DIGEST = 12


def read_log(folder: Path) -> tuple[list[Entry], Audit]:
    """Every line of the log, oldest first, and what its check found; reads files, raises KnownTrouble."""
    log = Worklist(folder)
    log.refresh()
    return log.entries, audit(folder)


class AuditDialog(QDialog):
    """Lines of the log, the newest first: of the open case, or of all cases. Nothing can be changed here."""

    def __init__(
        self, parent: QWidget, entries: Sequence[Entry], found: Audit, cases: Mapping[str, ReviewCase], case: str = ""
    ) -> None:
        """`case` is the id of the case that is open; only its lines are shown at first."""
        super().__init__(parent)
        self.setWindowTitle("Audit log")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._entries, self._case = entries, case
        self._titles = {one.case: one.title for one in entries if one.title}
        self._titles |= {id: one.title for id, one in cases.items()}
        px = theme().pixels
        self.verdict = Caption(role="" if not found.faults else "error")
        self.verdict.set_whole(_verdict(found))
        self.verdict.setToolTip("\n".join(found.faults) or f"SHA-256 of the last line: {found.head}")
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search")
        self.search.setAccessibleName("Search the log")
        self.search.setClearButtonEnabled(True)
        self.all = QCheckBox("All cases")
        self.all.setChecked(not case)
        self.all.setEnabled(bool(case))
        self.sheet = Sheet(COLUMNS, numbers=("", "Dice"), wide="Details")
        self.sheet.setAccessibleName("Lines of the audit log")
        self.search.textChanged.connect(self.sheet.set_filter)
        self.all.toggled.connect(lambda _: self.refresh())
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        top = QHBoxLayout()
        top.setSpacing(px(8))
        top.addWidget(self.search, 1)
        top.addWidget(self.all)
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(16), px(16), px(16))
        column.setSpacing(px(8))
        column.addWidget(self.verdict)
        column.addLayout(top)
        column.addWidget(self.sheet, 1)
        column.addWidget(buttons)
        self.resize(px(ROOM_PX[0]), px(ROOM_PX[1]))
        self.refresh()
        for name, width in WIDEST_PX.items():
            at = COLUMNS.index(name)
            self.sheet.setColumnWidth(at, min(self.sheet.columnWidth(at), px(width)))
        self.sheet.setFocus()

    def refresh(self) -> None:
        """The lines of the open case, or all."""
        shown = [one for one in reversed(self._entries) if self.all.isChecked() or one.case == self._case]
        rows = [self._row(one) for one in shown]
        ranks = [[one.number, one.at, *row[2:]] for one, row in zip(shown, rows, strict=True)]
        self.sheet.set_rows(rows, keys=[str(one.number) for one in shown], ranks=ranks)

    def _row(self, one: Entry) -> list[str]:
        deed = one.state if one.deed == "state" else one.deed
        dice = f"{sum(one.dice.values()) / len(one.dice):.3f}" if one.dice else ""
        said = [one.text, *one.files, one.run, f"{one.seconds:.0f} s" if one.seconds >= 1 else ""]
        said += [f"labels {one.after[:SHOWN_OF_DIGEST]}" if one.after else ""]
        case = self._titles.get(one.case, one.case[:8])
        details = "  ·  ".join(filter(None, said))
        return [str(one.number), _when(one.at), one.who, deed, case, dice, one.model, details]


def _verdict(found: Audit) -> str:
    if not found.lines and not found.faults:
        return "Nothing has been reviewed yet."
    if found.faults:
        more = f", and {len(found.faults) - 1} more" if len(found.faults) > 1 else ""
        return f"This log is not as it was written: {found.faults[0]}{more}."
    return (
        f"{count(found.lines, 'line')}, each follows the one before. The last one's digest is "
        f"{found.head[:SHOWN_OF_DIGEST]}: note it elsewhere to tell later that the whole log is the same."
    )


def _when(at: str) -> str:
    try:
        return f"{datetime.fromisoformat(at).astimezone():%Y-%m-%d %H:%M:%S}"
    except ValueError:
        return at
