"""The downloads under way: how far each is, and the buttons to hold it, go on, or give it up."""

from __future__ import annotations

import functools

from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from workbench.core.words import count
from workbench.gui.buttons import show_icon, tool_button
from workbench.gui.card import Caption, Card
from workbench.gui.downloads import Downloads, Item
from workbench.gui.theme import theme


class _Line(QWidget):
    def __init__(self, downloads: Downloads, model: str) -> None:
        super().__init__()
        self._downloads, self.model = downloads, model
        name = QLabel(model)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.bar.setAccessibleName(f"Download of {model}")
        self.far = Caption()
        self._picture = "mdi6.pause"
        self.hold = tool_button(self._picture, "Pause this download", self._toggle)
        theme().follow(self, lambda: show_icon(self.hold, self._picture))
        drop = tool_button(
            "mdi6.close",
            "Give this download up and delete what has arrived",
            functools.partial(downloads.cancel, model),
        )
        px = theme().pixels
        words = QHBoxLayout()
        words.setSpacing(px(12))
        words.addWidget(name)
        words.addWidget(self.far, 1)
        column = QVBoxLayout()
        column.setSpacing(px(4))
        column.addLayout(words)
        column.addWidget(self.bar)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addLayout(column, 1)
        row.addWidget(self.hold)
        row.addWidget(drop)

    def show_item(self, item: Item, *, offline: bool) -> None:
        """How far it is now."""
        waits = " (offline: switch the network on in Settings)" if offline and item.state == "waiting" else ""
        self.far.set_whole(item.told() + waits)
        self.bar.setValue(round(1000 * item.bytes / item.of) if item.of else 0)
        state = {"paused": "paused", "failed": "failed"}.get(item.state, "")
        if self.bar.property("state") != state:
            self.bar.setProperty("state", state)
            self.bar.style().unpolish(self.bar)
            self.bar.style().polish(self.bar)
        held = item.state in ("paused", "failed")
        self._picture = "mdi6.play" if held else "mdi6.pause"
        show_icon(self.hold, self._picture)
        tip = "Go on with this download where it was" if held else "Pause this download; what has arrived is kept"
        self.hold.setToolTip(tip)
        self.hold.setAccessibleName(tip)

    def _toggle(self) -> None:
        state = next((one.state for one in self._downloads.items if one.model == self.model), "")
        if state in ("paused", "failed"):
            self._downloads.resume(self.model)
        elif state:
            self._downloads.pause(self.model)


class DownloadCard(Card):
    """Hidden while there is nothing to download."""

    def __init__(self, downloads: Downloads) -> None:
        super().__init__("Downloads")
        self.downloads = downloads
        self.lines: dict[str, _Line] = {}
        body = QWidget()
        self._lines = QVBoxLayout(body)
        self._lines.setContentsMargins(0, 0, 0, 0)
        self._lines.setSpacing(theme().pixels(8))
        self.set_body(body)
        downloads.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the queue as it is."""
        items = {one.model: one for one in self.downloads.items}
        for model in [one for one in self.lines if one not in items]:
            line = self.lines.pop(model)
            self._lines.removeWidget(line)
            line.hide()
            line.deleteLater()
        for model, item in items.items():
            if model not in self.lines:
                self.lines[model] = _Line(self.downloads, model)
                self._lines.addWidget(self.lines[model])
            self.lines[model].show_item(item, offline=bool(self.downloads.link.settings.offline))
        waiting = sum(one.state == "waiting" for one in items.values())
        self.set_caption(count(waiting, "waits", "wait") if waiting else "")
        self.setVisible(bool(items))
