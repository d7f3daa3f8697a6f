"""Actions with a lasting id: named, explained and keyed by the table of commands, remapped by the settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import shiboken6
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QApplication, QWidget

from workbench.core.commands import COMMANDS, Command, clash, place_of
from workbench.core.keys import read_keys

KEY, DELIVERED = "key", "delivered"
"""Properties of an action: its keys now, and those it was delivered with, in Qt's portable spelling."""
UNNAMED = "more"


class Keymap(QObject):
    """Which key does what, for every action of the program; `changed` tells that some key is another one."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.own: dict[str, str] = {}
        """Keys that a person chose, by action."""
        self._known = {one.id: one for one in COMMANDS}
        self._live: list[QAction] = []
        self._followers: list[tuple[QObject, Callable[[], object]]] = []
        self._shaded: list[QAction] = []
        self._watching = False

    # What there is

    def commands(self) -> list[Command]:
        """Every action known so far, in the order of declaration."""
        return list(self._known.values())

    def command(self, name: str) -> Command:
        """An action's declaration; raises KeyError for a name that nothing declares."""
        return self._known[name]

    def key(self, name: str) -> str:
        """The keys of an action as they are now; empty for none."""
        known = self._known.get(name)
        return self.own.get(name, known.key if known else "")

    def taken(self, name: str, key: str) -> Command | None:
        """The other action that has this key where `name` is at hand, if there is one."""
        wanted, here = _sequences(key), self._known[name].place
        others = (one for one in self._known.values() if one.id != name and clash(here, one.place))
        return next((one for one in others if set(_sequences(self.key(one.id))) & set(wanted)), None)

    def outer(self, name: str, key: str) -> Command | None:
        """The action of the page around an inner place that loses this key while the focus is inside."""
        if not place_of(self._known[name].place).inner:
            return None
        wide = (one for one in self._known.values() if not place_of(one.place).inner)
        return next((one for one in wide if set(_sequences(self.key(one.id))) & set(_sequences(key))), None)

    # Making

    def make(
        self, owner: QWidget, command: str | Command, do: Callable[[], Any], *, checkable: bool = False
    ) -> QAction:
        """An action of `owner`; it is at hand while that is seen, or has the focus in an inner place."""
        known = self._known[command] if isinstance(command, str) else self._known.setdefault(command.id, command)
        action = QAction(known.text, owner)
        action.setData(known.picture)
        action.setCheckable(checkable)
        action.triggered.connect(lambda _=False: do())
        self.name(action, known.id)
        owner.addAction(action)
        return action

    def name(self, action: QAction, name: str) -> None:
        """Give an action that exists, such as an undo stack's, the id, the explanation and the keys of the table."""
        known = self._known[name]
        action.setObjectName(name)
        action.setStatusTip(known.tip)
        action.setProperty(DELIVERED, known.key)
        if place_of(known.place).inner:
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self._apply(action)
        self._live.append(action)
        self._watch()

    def adopt(self, actions: Iterable[QAction]) -> None:
        """Take actions that were made elsewhere into the keymap, under the words of their names."""
        for action in actions:
            if not action.objectName() and action.text() and action.menu() is None:
                inner = action.shortcutContext() != Qt.ShortcutContext.WindowShortcut
                place = "view" if inner else UNNAMED
                name = f"{place}.{slug(action.text())}"
                key = QKeySequence.listToString(action.shortcuts(), QKeySequence.SequenceFormat.PortableText)
                plain = action.text().replace("&", "")
                self._known.setdefault(name, Command(name, plain, action.statusTip() or plain, key))
                context = action.shortcutContext()
                self.name(action, name)
                action.setShortcutContext(context)

    def explain(self, widget: QWidget, name: str, tip: str = "") -> None:
        """Give a control the tooltip of the action it stands for, with the key that does the same."""

        def say() -> None:
            key = key_words(self.key(name))
            widget.setToolTip((tip or self._known[name].tip) + (f" ({key})" if key else ""))

        say()
        self.follow(widget, say)

    def follow(self, owner: QObject, redraw: Callable[[], object]) -> None:
        """Call `redraw` after every change of a key for as long as `owner` exists."""
        self._followers = [(one, do) for one, do in self._followers if shiboken6.isValid(one)]
        self._followers.append((owner, redraw))

    # Changing

    def use(self, line: str) -> None:
        """Take the keys of the settings; everything that is there follows at once."""
        own = read_keys(line)
        if own == self.own:
            return
        self.own = own
        self._live = [one for one in self._live if shiboken6.isValid(one)]
        for action in self._live:
            self._apply(action)
        self._shade(QApplication.focusWidget())
        self.changed.emit()
        for owner, redraw in list(self._followers):
            if shiboken6.isValid(owner):
                redraw()

    def _apply(self, action: QAction) -> None:
        key = self.own.get(action.objectName(), str(action.property(DELIVERED) or ""))
        words = key_words(key)
        action.setProperty(KEY, key)
        action.setShortcuts(_sequences(key))
        action.setToolTip((action.statusTip() or action.text()) + (f" ({words})" if words else ""))

    # The inner place goes before the page around it

    def _watch(self) -> None:
        app = QApplication.instance()
        if not self._watching and isinstance(app, QApplication):
            app.focusChanged.connect(lambda _, now: self._shade(now))
            self._watching = True

    def _shade(self, focus: QWidget | None) -> None:
        """Take keys from the page's actions while the focus is where the same keys mean something nearer.

        Qt calls a key of two actions ambiguous and does neither.
        """
        for action in self._shaded:
            if shiboken6.isValid(action):
                action.setShortcuts(_sequences(str(action.property(KEY) or "")))
        self._shaded = []
        near = _near(focus)
        if not near:
            return
        self._live = [one for one in self._live if shiboken6.isValid(one)]
        for action in self._live:
            if action.shortcutContext() != Qt.ShortcutContext.WindowShortcut:
                continue
            keys = action.shortcuts()
            left = [one for one in keys if one not in near]
            if len(left) < len(keys):
                action.setShortcuts(left)
                self._shaded.append(action)


def _near(focus: QWidget | None) -> list[QKeySequence]:
    """The keys that mean something in the focused widget or in what it lies in."""
    found: list[QKeySequence] = []
    while focus is not None:
        inner = (one for one in focus.actions() if one.shortcutContext() != Qt.ShortcutContext.WindowShortcut)
        found += [key for one in inner for key in one.shortcuts()]
        focus = focus.parentWidget()
    return found


def _sequences(key: str) -> list[QKeySequence]:
    return QKeySequence.listFromString(key, QKeySequence.SequenceFormat.PortableText) if key else []


def key_words(key: str) -> str:
    """Keys as a person reads them on this system: 'Ctrl+1 or Alt+Home'."""
    return " or ".join(one.toString(QKeySequence.SequenceFormat.NativeText) for one in _sequences(key))


def key_of(action: QAction) -> str:
    """An action's keys in words, whoever made it."""
    kept = action.property(KEY)
    if isinstance(kept, str):
        return key_words(kept)
    return " or ".join(one.toString(QKeySequence.SequenceFormat.NativeText) for one in action.shortcuts())


def slug(text: str) -> str:
    """A text as the name of an action: 'Save as CSV…' → 'save-as-csv'."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "action"


_keymap: Keymap | None = None


def keymap() -> Keymap:
    """The one keymap of this process, made on first use."""
    global _keymap
    if _keymap is None:
        _keymap = Keymap()
    return _keymap


def make_action(owner: QWidget, command: str | Command, do: Callable[[], Any], *, checkable: bool = False) -> QAction:
    """An action by its id in the table of commands, or by a declaration of its own."""
    return keymap().make(owner, command, do, checkable=checkable)
