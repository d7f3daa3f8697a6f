"""The help in a window of its own: contents and search at the left, the page at the right."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QTextDocument
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QSplitter,
    QTextBrowser,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from workbench.gui.helptopics import Topic
from workbench.gui.theme import theme, tokens

NAME_ROLE = int(Qt.ItemDataRole.UserRole)


class HelpBrowser(QDialog):
    """Stays open beside the window, so that one can read and do."""

    def __init__(self, parent: QWidget, topics: Mapping[str, Topic]) -> None:
        super().__init__(parent)
        self.setWindowTitle("Help")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        px = theme().pixels
        self.resize(px(920), px(640))
        self._topics, self._words = dict(topics), dict[str, str]()
        self.shown = ""
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search the help")
        self.search.setAccessibleName("Search the help")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self.contents = QTreeWidget()
        self.contents.setHeaderHidden(True)
        self.contents.setAccessibleName("Contents of the help")
        self.contents.currentItemChanged.connect(lambda item, _: self._chosen(item))
        self.page = QTextBrowser()
        self.page.setAccessibleName("Help page")
        self.page.setOpenLinks(False)
        self.page.anchorClicked.connect(self._follow)
        self._lay_out()
        self._fill()
        theme().follow(self, lambda: self.show_topic(self.shown))

    def show_topic(self, name: str, *, at: str = "") -> None:
        """Open a page, at the first place where it says `at`."""
        if name not in self._topics:
            return
        self.shown = name
        self.setWindowTitle(f"Help: {self._topics[name].title}")
        self.page.setHtml(f"<style>a {{ color: {tokens().accent}; }}</style>" + self._topics[name].body())
        item = self._items[name]
        if self.contents.currentItem() is not item:
            self.contents.setCurrentItem(item)
        if at:
            self.page.find(at, QTextDocument.FindFlag.FindWholeWords) or self.page.find(at)

    def listed(self) -> list[str]:
        """The pages that the search leaves."""
        return [name for name, item in self._items.items() if not item.isHidden()]

    def _lay_out(self) -> None:
        left = QWidget()
        side = QVBoxLayout(left)
        side.setContentsMargins(0, 0, 0, 0)
        side.addWidget(self.search)
        side.addWidget(self.contents, 1)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.addWidget(left)
        split.addWidget(self.page)
        split.setStretchFactor(1, 1)
        split.setSizes([theme().pixels(264), theme().pixels(640)])
        row = QHBoxLayout(self)
        row.addWidget(split)

    def _fill(self) -> None:
        self._items: dict[str, QTreeWidgetItem] = {}
        sections: dict[str, QTreeWidgetItem] = {}
        for one in self._topics.values():
            if one.section not in sections:
                sections[one.section] = QTreeWidgetItem(self.contents, [one.section])
                sections[one.section].setFlags(Qt.ItemFlag.ItemIsEnabled)
            item = QTreeWidgetItem(sections[one.section], [one.title])
            item.setData(0, NAME_ROLE, one.name)
            item.setToolTip(0, one.title)
            self._items[one.name] = item
        self._sections = list(sections.values())
        self.contents.expandAll()

    def _chosen(self, item: QTreeWidgetItem | None) -> None:
        name = item.data(0, NAME_ROLE) if item is not None else None
        if name and name != self.shown:
            self.show_topic(name, at=self.search.text().strip())

    def _follow(self, link: QUrl) -> None:
        if link.scheme() == "topic":
            self.show_topic(link.toString().removeprefix("topic:"))
        else:
            QDesktopServices.openUrl(link)

    def _filter(self, typed: str) -> None:
        words = typed.lower().split()
        for name, item in self._items.items():
            item.setHidden(not all(word in self._text(name) for word in words))
        for section in self._sections:
            section.setHidden(all(_child(section, at).isHidden() for at in range(section.childCount())))
        left = self.listed()
        if words and left and self.shown not in left:
            self.show_topic(left[0], at=typed.strip())

    def _text(self, name: str) -> str:
        if name not in self._words:
            words = html.unescape(re.sub(r"<style.*?</style>|<[^>]*>", " ", self._topics[name].body(), flags=re.DOTALL))
            self._words[name] = f"{self._topics[name].title} {words}".lower()
        return self._words[name]


def _child(section: QTreeWidgetItem, at: int) -> QTreeWidgetItem:
    child = section.child(at)
    assert child is not None
    return child


def topic_at(focus: QWidget | None) -> tuple[str, str]:
    """The help page of what has the focus, and the words to look for on it; ('', '') where nothing is declared."""
    at = ""
    while focus is not None:
        word = focus.property("help_word")
        at = at or (str(word) if word else "")
        name = focus.property("help")
        if name:
            return str(name), at
        focus = focus.parentWidget()
    return "", at
