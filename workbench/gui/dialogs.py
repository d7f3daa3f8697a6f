"""Questions in windows of their own; always opened, never executed."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget


def ask_closing(
    parent: QWidget, *, waiting: int, keep_on: Callable[[], None], stop: Callable[[], None], note: str = ""
) -> QMessageBox:
    """Ask what becomes of the work when its window closes; `note` is what else there is to know."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle("A run is under way")
    box.setText("A run is under way.")
    more = f" {waiting} more wait in the queue." if waiting else ""
    box.setInformativeText(f"It can go on without this window and will be here when you come back.{more}{note}")
    on = box.addButton("Keep training in background", QMessageBox.ButtonRole.AcceptRole)
    end = box.addButton("Stop and keep the model", QMessageBox.ButtonRole.DestructiveRole)
    box.addButton("Stay here", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(on)

    def chosen() -> None:
        if box.clickedButton() is on:
            keep_on()
        elif box.clickedButton() is end:
            stop()

    box.finished.connect(lambda _: chosen())
    box.open()
    return box
