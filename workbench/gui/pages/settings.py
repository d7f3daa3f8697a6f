"""The settings page: sections of core.settings' one declaration, the data folder, keys and plug-ins."""

from __future__ import annotations

import os

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from workbench.core.params import Knob, Params, check, knobs, values_of
from workbench.core.problem import Problems
from workbench.core.settings import KEYS, Settings, from_environment, variable
from workbench.gui.actions import keymap, make_action
from workbench.gui.card import Card
from workbench.gui.forms import Form
from workbench.gui.keytable import KeyTable
from workbench.gui.link import Link
from workbench.gui.pages.frame import PageFrame
from workbench.gui.settingscards import DataFolder, PlugIns
from workbench.gui.theme import theme

WIDTH_PX, SECTIONS_PX = 640, 176


class Section(Card):
    """The settings of one section as a form."""

    def __init__(self, title: str, own: list[Knob]) -> None:
        super().__init__(title)
        others = {one.name for one in knobs(Settings)} - {one.name for one in own}
        self.form = Form(Settings, hide=others, explain=True)
        self._hay = title.lower()
        for one in own:
            # The help lists settings by their titles.
            self.form.field(one.name).setProperty("help_word", one.title)
        self.set_body(self.form)

    def filter(self, words: list[str]) -> bool:
        """Show only settings with these words; False when there is none."""

        def fits(one: Knob) -> bool:
            hay = f"{self._hay} {one.title} {one.name} {one.help} {' '.join(one.choices)}".lower()
            return all(word in hay for word in words)

        return self.form.filter(fits) > 0


class SettingsPage(PageFrame):
    """Every change is checked, saved and told at once; there is no Apply to forget."""

    def __init__(self, link: Link, parent: QWidget | None = None) -> None:
        super().__init__("Settings", parent)
        self.link = link
        # The frame comes first: cards that were in it before it has its place would be dressed again for it.
        self._cards_column = self._make_frame()
        self.about.set_whole("Changes take effect at once")
        self._sections = self._make_sections()
        self.keys = KeyTable(link)
        self.folder, self.plugins = DataFolder(link), PlugIns()
        self._cards: dict[str, Card] = {
            **self._sections, "Data folder": self.folder, KEYS: self.keys, "Plug-ins": self.plugins,
        }  # fmt: skip
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search the settings")
        self.search.setAccessibleName("Search the settings")
        self.search.setClearButtonEnabled(True)
        self.search.setFixedWidth(theme().pixels(240))
        self.search.textChanged.connect(self._filter)
        keymap().explain(self.search, "settings.find")
        defaults = QPushButton("Back to defaults")
        keymap().explain(defaults, "settings.defaults")
        defaults.setProperty("command", "settings.defaults")
        defaults.clicked.connect(self._back_to_defaults)
        self.controls.addWidget(self.search)
        self.controls.addWidget(defaults)
        self._fill()
        self._make_actions()
        self._show_values()
        link.settings_changed.connect(lambda _: self._show_values())

    def field(self, name: str) -> QWidget:
        """The editor of a setting."""
        return self._section_of(name).form.field(name)

    def show_setting(self, name: str) -> None:
        """Bring a setting into sight and give it the focus."""
        self.search.clear()
        section = self._section_of(name)
        self._area.ensureWidgetVisible(section)
        self._area.ensureWidgetVisible(self.field(name))
        self.field(name).setFocus(Qt.FocusReason.ShortcutFocusReason)

    def shown(self) -> list[str]:
        """The sections that the search leaves."""
        return [title for title, card in self._cards.items() if not card.isHidden()]

    def opened(self) -> None:
        self.folder.refresh()
        self.keys.refresh()

    def _make_sections(self) -> dict[str, Section]:
        titles = dict.fromkeys(one.section or "More" for one in knobs(Settings) if one.widget != "key")
        made = {
            title: Section(title, [one for one in knobs(Settings) if (one.section or "More") == title])
            for title in titles
        }
        for section in made.values():
            section.form.changed.connect(lambda form=section.form: self._take(form))
            for name in set(section.form.names()) & set(from_environment(os.environ)):
                section.form.lock(name, f"Set by {variable(name)} in the environment, which wins over this page.")
        return made

    def _section_of(self, name: str) -> Section:
        return next(one for one in self._sections.values() if name in one.form.names())

    def _make_actions(self) -> None:
        make_action(self, "settings.find", self.search.setFocus)
        make_action(self, "settings.defaults", self._back_to_defaults)
        make_action(self, "settings.folder", self.folder.open_folder)
        make_action(self, "settings.path", self.folder.copy_path)

    def _fill(self) -> None:
        px = theme().pixels
        self._list.addItems(list(self._cards))
        for place in range(self._list.count()):
            self._list.item(place).setSizeHint(QSize(0, px(28)))
        self._list.setCurrentRow(0)
        self._list.currentTextChanged.connect(self._go_to)
        for card in self._cards.values():
            self._cards_column.addWidget(card)
        self._cards_column.addStretch(1)

    def _make_frame(self) -> QVBoxLayout:
        px = theme().pixels
        self._list = QListWidget()
        self._list.setAccessibleName("Sections")
        self._list.setFixedWidth(px(SECTIONS_PX))
        self._nothing = QLabel("No setting has these words. Clear the search to see all of them.")
        self._nothing.setProperty("role", "dim")
        self._nothing.hide()
        holder, inner = QWidget(), QWidget()
        holder.setObjectName("scrolled")
        inner.setMaximumWidth(px(WIDTH_PX))
        across = QHBoxLayout(holder)
        across.setContentsMargins(0, 0, px(8), 0)
        across.addWidget(inner, 1000)
        across.addStretch(1)
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(px(12))
        column.addWidget(self._nothing)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setWidget(holder)
        row = QHBoxLayout()
        row.setSpacing(px(16))
        row.addWidget(self._list)
        row.addWidget(self._area, 1)
        self.column.addLayout(row, 1)
        return column

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._list.setVisible(self.width() > theme().pixels(SECTIONS_PX + WIDTH_PX - 120))

    def _go_to(self, title: str) -> None:
        card = self._cards.get(title)
        if card is not None and not card.isHidden():
            self._area.verticalScrollBar().setValue(card.y())

    def _filter(self, typed: str) -> None:
        words = typed.lower().split()
        for title, card in self._cards.items():
            filtered = card.filter(words) if isinstance(card, Section | KeyTable | DataFolder | PlugIns) else True
            card.setVisible(filtered)
            place = list(self._cards).index(title)
            self._list.item(place).setHidden(not filtered)
        self._nothing.setVisible(not self.shown())

    def _show_values(self) -> None:
        values = values_of(self.link.settings)
        for section in self._sections.values():
            own = {name: values[name] for name in section.form.names()}
            if any(section.form.values()[name] != value for name, value in own.items()):
                section.form.set_values(own, quiet=True)

    def _back_to_defaults(self) -> None:
        delivered = values_of(Settings())
        held = {"keys", *from_environment(os.environ)}
        self.link.change_settings(**{name: value for name, value in delivered.items() if name not in held})
        self.banner.show_note("Every setting is as it was delivered. Keys of your own stay; their card resets them.")

    def _take(self, form: Form) -> None:
        now = values_of(self.link.settings)
        changes = {name: form.values()[name] for name in form.names() if form.values()[name] != now[name]}
        try:
            settings: Params = check(Settings, changes, base=self.link.settings)
        except Problems as problems:
            form.show_problems(problems.problems)
            return
        assert isinstance(settings, Settings)
        if settings.scale != self.link.settings.scale:
            self.banner.show_note("Text has its new size now; spaces and icons follow when the window opens again.")
        if changes:
            self.link.change_settings(**changes)
