"""Naming a speaker, and the voices that are remembered: renamed, merged, deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from workbench.core.problem import ProblemRecord
from workbench.core.speakers import VoiceProfile
from workbench.gui.banner import Banner
from workbench.gui.link import Link
from workbench.gui.sheet import Sheet
from workbench.gui.theme import theme
from workbench.store import voicechanges, voices
from workbench.store.home import Home
from workbench.store.voicechanges import VoiceChange

PRIVACY = (
    "A voice is biometric data. What is remembered are numbers that tell this voice from others, and by which one "
    "like it could be synthesised; they stay in the data folder of this machine until they are deleted under "
    "“Voices…”."
)


class NameDialog(QDialog):
    """Asks for a speaker's name, and whether the voice is to be remembered under it."""

    named = Signal(str, bool)

    def __init__(self, parent: QWidget, speaker: str, known: list[str], *, likeness: str = "") -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Name {speaker}")
        px = theme().pixels
        self.setMinimumWidth(px(420))
        self.name = QComboBox()
        self.name.setEditable(True)
        self.name.setAccessibleName("Name of the speaker")
        self.name.addItems(list(dict.fromkeys([speaker, *known])))
        self.name.setCurrentText(speaker)
        self.remember = QCheckBox("Remember this voice under this name, to know it in other sounds")
        self.remember.setChecked(True)
        wrong = QLabel(f"It was taken for {likeness}. Another name tells that it is somebody else." if likeness else "")
        wrong.setVisible(bool(likeness))
        about = QLabel(PRIVACY)
        for label in (wrong, about):
            label.setWordWrap(True)
            label.setProperty("role", "dim")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(16), px(16), px(16))
        column.setSpacing(px(8))
        for widget in (QLabel("Name in all tiers of this sound"), self.name, wrong, self.remember, about, buttons):
            column.addWidget(widget)
        edit = self.name.lineEdit()
        if isinstance(edit, QLineEdit):
            edit.selectAll()
        self.name.setFocus()

    def _accept(self) -> None:
        name = " ".join(self.name.currentText().split())
        if name:
            self.named.emit(name, self.remember.isChecked())
            self.accept()


class VoicesDialog(QDialog):
    """Every voice that is remembered; what is done to one is done at once."""

    def __init__(self, parent: QWidget, link: Link) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Voices that are remembered")
        px = theme().pixels
        self.resize(px(620), px(420))
        self._link = link
        self.profiles: list[VoiceProfile] = []
        self.banner = Banner()
        self.list = Sheet(("name", "speech (s)", "sounds", "changed"), numbers=("speech (s)", "sounds"), wide="name")
        self.list.setAccessibleName("Voices that are remembered")
        self.name = QLineEdit()
        self.name.setAccessibleName("New name")
        self.name.setPlaceholderText("Another name; that of another voice makes them one")
        self.rename, self.delete, done = QPushButton("Rename"), QPushButton("Delete"), QPushButton("Close")
        self.rename.setToolTip("Give the chosen voice this name, or merge it with the voice that has it")
        self.delete.setToolTip("Forget the chosen voice; Undo brings it back until this is closed, then nothing of it "
                               "stays")  # fmt: skip
        about = QLabel(PRIVACY.replace(" under “Voices…”", " here"))
        about.setWordWrap(True)
        about.setProperty("role", "dim")
        row = QHBoxLayout()
        row.setSpacing(px(8))
        row.addWidget(self.name, 1)
        for button in (self.rename, self.delete, done):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(16), px(16), px(16))
        column.setSpacing(px(8))
        column.addWidget(about)
        column.addWidget(self.banner)
        column.addWidget(self.list, 1)
        column.addLayout(row)
        self.rename.clicked.connect(lambda _=False: self._rename())
        self.delete.clicked.connect(lambda _=False: self._do("is forgotten", voices.delete))
        done.clicked.connect(lambda _=False: self.accept())
        self.list.chosen.connect(lambda _: self._fit())
        self.name.textChanged.connect(lambda _: self._fit())
        self._load()

    def chosen(self) -> str:
        """The id of the voice that is selected; empty for none."""
        return self.list.chosen_key()

    def _load(self) -> None:
        home = self._link.home
        self._link.background(lambda: voices.profiles(home), then=self._show, failed=self._fail, owner=self)

    def _show(self, found: list[VoiceProfile]) -> None:
        self.profiles = found
        rows = [[one.name, f"{one.seconds:.1f}", str(len(one.sources)), one.changed[:10]] for one in found]
        self.list.set_rows(rows, keys=[one.id for one in found])
        if not found:
            self.banner.show_note("No voice is remembered. Name a speaker to remember one.")
        self._fit()

    def _fit(self) -> None:
        self.delete.setEnabled(bool(self.chosen()))
        self.rename.setEnabled(bool(self.chosen() and self.name.text().strip()))

    def _rename(self) -> None:
        name, here = self.name.text().strip(), self.chosen()
        same = [one.id for one in self.profiles if one.name.casefold() == name.casefold() and one.id != here]
        if same:
            self._do(f"is one with {name} now", lambda home, id: voices.merge(home, id, same[0]))
        else:
            self._do(f"is called {name} now", lambda home, id: voices.rename(home, id, name))

    def _do(self, said: str, deed: Callable[[Home, str], Any]) -> None:
        """Change the chosen voice; `said` tells what it is then, with a way to take that back."""
        home, id = self._link.home, self.chosen()
        who = next((one.name for one in self.profiles if one.id == id), "")
        self.banner.dismiss()

        def work() -> tuple[VoiceChange, ...]:
            before = voicechanges.keep(home)
            deed(home, id)
            return voicechanges.changes(before, voicechanges.keep(home))

        def then(made: tuple[VoiceChange, ...]) -> None:
            self._done()
            self.banner.show_note(f"{who} {said}.", ("Undo", lambda: self._take_back(who, made)))

        if id:
            self._link.background(work, then=then, failed=self._fail, owner=self)

    def _take_back(self, who: str, made: tuple[VoiceChange, ...]) -> None:
        home = self._link.home

        def then(left: list[str]) -> None:
            self._done()
            self.banner.show_note(f"{', '.join(left)}: changed since, and left so." if left else f"{who} is as before.")

        self._link.background(lambda: voicechanges.put_back(home, made), then=then, failed=self._fail, owner=self)

    def _done(self) -> None:
        self.name.clear()
        self._load()

    def _fail(self, record: ProblemRecord) -> None:
        self.banner.show_problem(record)
