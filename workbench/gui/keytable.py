"""The keys card of the settings: every action with its key, and a place to press another one."""

from __future__ import annotations

import os
from collections.abc import Callable

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from workbench.core.commands import place_of
from workbench.core.keys import spell_keys
from workbench.core.settings import from_environment, variable
from workbench.gui.actions import key_words, keymap
from workbench.gui.card import Card
from workbench.gui.link import Link
from workbench.gui.sheet import Sheet
from workbench.gui.taborder import down_into
from workbench.gui.theme import theme

COLUMNS = ("action", "where", "key")
_KEYS = Qt.Key
MODIFIERS = {_KEYS.Key_Control, _KEYS.Key_Shift, _KEYS.Key_Alt, _KEYS.Key_Meta, _KEYS.Key_AltGr, _KEYS.Key_unknown}
HEIGHT_PX = 320


class KeyCatcher(QLineEdit):
    """Takes the next key pressed instead of doing what it stands for; Tab goes on, as everywhere."""

    caught = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setPlaceholderText("Press a new key here")
        self.setAccessibleName("New key of the chosen action")
        self.setToolTip("Give this the focus and press the key that the chosen action shall have")

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.key() not in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
            if event.type() == QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress:
                if Qt.Key(event.key()) not in MODIFIERS:
                    combined = QKeySequence(event.keyCombination())
                    self.caught.emit(combined.toString(QKeySequence.SequenceFormat.PortableText))
                return True
        return super().event(event)


class KeyTable(Card):
    """Keys are kept in the settings and taken up by every window control at once."""

    def __init__(self, link: Link) -> None:
        super().__init__("Keys")
        self.link = link
        self._key = ""
        self.catcher = KeyCatcher()
        self.sheet = Sheet(COLUMNS, wide="action")
        self.sheet.setAccessibleName("Keys of all actions")
        self.sheet.setFixedHeight(theme().pixels(HEIGHT_PX))
        self.sheet.chosen.connect(lambda _: self._choose())
        self.sheet.opened.connect(lambda _: self.catcher.setFocus(Qt.FocusReason.OtherFocusReason))
        self.words = QLineEdit()
        self.words.setPlaceholderText("Filter by action, place or key")
        self.words.setAccessibleName("Filter the keys")
        self.words.setClearButtonEnabled(True)
        self.words.textChanged.connect(self.sheet.set_filter)
        down_into(self.words, self.sheet)
        self.catcher.caught.connect(self.press)
        self.told = QLabel()
        self.told.setWordWrap(True)
        self.told.setProperty("role", "dim")
        self._lay_out()
        keymap().follow(self, self.refresh)
        self.refresh()
        self._choose()
        self._say_overridden()

    def refresh(self) -> None:
        """List every action known by now."""
        keys, known = keymap(), keymap().commands()
        self.sheet.set_rows(
            [[one.text, place_of(one.place).title, key_words(keys.key(one.id))] for one in known],
            keys=[one.id for one in known],
        )
        changed = sum(one.id in keys.own for one in known)
        self.set_caption(f"{len(known)} actions" + (f", {changed} with a key of your own" if changed else ""))
        self.every.setEnabled(bool(keys.own) and not self._overridden())

    def filter(self, words: list[str]) -> bool:
        """Whether the card is about these words; names of actions count."""
        if all(word in "keys shortcuts keyboard hotkeys" for word in words):
            self.words.clear()
            return True
        hays = [f"{one.text} {place_of(one.place).title} {keymap().key(one.id)}".lower() for one in keymap().commands()]
        fits = any(all(word in hay for word in words) for hay in hays)
        self.words.setText(max(words, key=len) if fits else "")
        return fits

    def choose(self, name: str) -> None:
        """Select an action."""
        self.words.clear()
        self.sheet.choose(name)

    def press(self, key: str) -> None:
        """Give the chosen action a key, unless another one has it where this one is at hand."""
        name = self.sheet.chosen_key()
        if not name or self._overridden():
            return
        self._key, other = key, keymap().taken(name, key)
        self.catcher.setText(key_words(key))
        self.take.setVisible(other is not None)
        if other is not None:
            where = place_of(other.place).title
            self._say(f"{key_words(key)} belongs to “{other.text}” ({where}) already; nothing was changed.", "error")
            self.take.setText(f"Take it from “{other.text}”")
            return
        self._set({name: key})
        self._say(self._done(name, key), "ok")

    def take_over(self) -> None:
        """Give the chosen action the key pressed last, and leave the one that had it without."""
        name = self.sheet.chosen_key()
        loser = keymap().taken(name, self._key) if name else None
        if loser is None:
            return
        self._set({loser.id: "", name: self._key})
        self.take.hide()
        self._say(f"{self._done(name, self._key)} “{loser.text}” has no key now.", "ok")

    def reset_one(self) -> None:
        """The chosen action's key as it was delivered."""
        name = self.sheet.chosen_key()
        keys, delivered = keymap(), keymap().command(name).key
        other = keys.taken(name, delivered) if delivered else None
        if other is not None:
            self._say(f"{key_words(delivered)} belongs to “{other.text}” now; give that another key first.", "error")
            return
        self._keep({one: key for one, key in keys.own.items() if one != name})
        self._say(f"“{keys.command(name).text}” has its delivered key.", "ok")

    def reset_all(self) -> None:
        """Every key as it was delivered."""
        self._keep({})
        self._say("Every action has its delivered key.", "ok")

    def take_away(self) -> None:
        """Leave the chosen action without a key."""
        name = self.sheet.chosen_key()
        self._set({name: ""})
        self._say(f"“{keymap().command(name).text}” has no key now; the palette still finds it.", "ok")

    def _done(self, name: str, key: str) -> str:
        outer = keymap().outer(name, key)
        more = f" While the focus is there, “{outer.text}” waits." if outer is not None else ""
        return f"“{keymap().command(name).text}” has {key_words(key)} now.{more}"

    def _set(self, changes: dict[str, str]) -> None:
        keys = keymap()
        own = {**keys.own, **changes}
        self._keep({name: key for name, key in own.items() if key != _delivered(name)})

    def _keep(self, own: dict[str, str]) -> None:
        self.link.change_settings(keys=spell_keys(own))
        # The window follows the settings; a card on its own has nobody else to tell the keymap.
        keymap().use(self.link.settings.keys)

    def _choose(self) -> None:
        name = self.sheet.chosen_key()
        free = bool(name) and not self._overridden()
        self.catcher.clear()
        self.take.hide()
        for control in (self.catcher, self.none, self.one):
            control.setEnabled(free)
        if name:
            command = keymap().command(name)
            delivered = key_words(command.key) or "none"
            self._say(f"{command.tip}. Delivered key: {delivered}. Press a new one in the field above.", "dim")
        elif not self._overridden():
            self._say("Choose an action, then press its new key in the field above.", "dim")

    def _overridden(self) -> bool:
        return "keys" in from_environment(os.environ)

    def _say_overridden(self) -> None:
        if self._overridden():
            self._say(f"Set by {variable('keys')} in the environment, which wins over this page.", "warning")

    def _say(self, text: str, role: str) -> None:
        self.told.setText(text)
        self.told.setProperty("role", role)
        self.told.style().unpolish(self.told)
        self.told.style().polish(self.told)

    def _button(self, text: str, tip: str, do: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.clicked.connect(lambda _=False: do())
        return button

    def _lay_out(self) -> None:
        px = theme().pixels
        self.none = self._button("No key", "Leave the chosen action without a key", self.take_away)
        self.one = self._button("Reset", "Give the chosen action its delivered key", self.reset_one)
        self.every = self._button("Reset all", "Give every action its delivered key", self.reset_all)
        self.take = self._button("Take it", "Give the chosen action this key all the same", self.take_over)
        row = QHBoxLayout()
        row.setSpacing(px(8))
        row.addWidget(self.catcher, 1)
        for button in (self.none, self.one, self.every):
            row.addWidget(button)
        said = QHBoxLayout()
        said.setSpacing(px(8))
        said.addWidget(self.told, 1)
        said.addWidget(self.take, 0, Qt.AlignmentFlag.AlignTop)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(px(8), 0, px(8), 0)
        column.setSpacing(px(8))
        column.addWidget(self.words)
        column.addWidget(self.sheet)
        column.addLayout(row)
        column.addLayout(said)
        self.set_body(body, margin=4)


def _delivered(name: str) -> str | None:
    known = {one.id: one.key for one in keymap().commands()}
    return known.get(name)
