"""The settings page: the form of core.settings, saved as it is changed."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from workbench.core.params import Params, check, values_of
from workbench.core.problem import Problems
from workbench.core.settings import Settings, from_environment, save
from workbench.gui.card import Card
from workbench.gui.forms import Form
from workbench.gui.link import Link
from workbench.gui.pages.frame import PageFrame
from workbench.gui.theme import theme

WIDTH_PX = 560


class SettingsPage(PageFrame):
    """Every change is checked, saved and told at once; there is no Apply to forget."""

    def __init__(self, link: Link) -> None:
        super().__init__("Settings")
        self.link = link
        self.form = Form(Settings, explain=True)
        self.form.set_values(values_of(link.settings))
        self.form.changed.connect(self._take)
        defaults = QPushButton("Back to defaults")
        defaults.setToolTip("Set every setting as it was delivered")
        defaults.clicked.connect(lambda: self.form.set_values(values_of(Settings())))
        self.controls.addWidget(defaults)
        self.about.set_whole(str(link.home.settings))
        self.column.addWidget(self._scrolled(), 1)
        self._say_overridden()

    def _scrolled(self) -> QScrollArea:
        card = Card("For all recipes")
        card.setFixedWidth(theme().pixels(WIDTH_PX))
        card.set_body(self.form)
        holder = QWidget()
        holder.setObjectName("scrolled")
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        column = QVBoxLayout()
        column.addWidget(card)
        column.addStretch(1)
        row.addLayout(column)
        row.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        area.setWidget(holder)
        return area

    def _say_overridden(self) -> None:
        import os

        named = sorted(from_environment(os.environ))
        if named:
            self.banner.show_note(f"Set by the environment, which wins over this page: {', '.join(named)}.")

    def _take(self) -> None:
        try:
            settings: Params = check(Settings, self.form.values())
        except Problems as problems:
            self.form.show_problems(problems.problems)
            return
        assert isinstance(settings, Settings)
        if settings.scale != self.link.settings.scale:
            self.banner.show_note("Text has its new size now; spaces and icons follow when the window opens again.")
        self.link.settings = settings
        self.link.settings_changed.emit(settings)
        path = self.link.home.settings
        self.link.background(lambda: save(path, settings), owner=self)
