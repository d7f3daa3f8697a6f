"""A report on A4 paper, laid out by Qt; needs no window and no display."""

from __future__ import annotations

from typing import Any

from workbench.core.problem import KnownTrouble

_kept: list[Any] = []
"""The application that fonts need, where no window has made one; Qt wants it kept.

One for widgets, though there are none: a process has one application, and a window opened later needs that kind.
"""


def with_fonts() -> None:
    """Make sure that text can be laid out and drawn, also in a process without a window."""
    from PySide6.QtWidgets import QApplication

    if QApplication.instance() is None:
        _kept.append(QApplication(["workbench", "-platform", "offscreen"]))


def pdf(html: str, title: str) -> bytes:
    """The pages of a report that was written for paper; may be called on any thread of a window's process."""
    from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMarginsF
    from PySide6.QtGui import QFont, QPageLayout, QPageSize, QPdfWriter, QTextDocument

    with_fonts()
    document = QTextDocument()
    font = QFont("Inter")
    font.setStyleHint(QFont.StyleHint.SansSerif)
    font.setPointSizeF(9.0)
    document.setDefaultFont(font)
    document.setHtml(html)
    store = QByteArray()
    buffer = QBuffer(store)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setTitle(title)
    writer.setCreator("Transfer Workbench")
    writer.setResolution(300)
    writer.setPageLayout(
        QPageLayout(QPageSize(QPageSize.PageSizeId.A4), QPageLayout.Orientation.Portrait, QMarginsF(0, 0, 0, 0))
    )
    document.print_(writer)
    del writer
    buffer.close()
    block = bytes(store.data())
    if not block.startswith(b"%PDF"):
        raise KnownTrouble("The pages could not be laid out.", expected="a PDF", received=f"{len(block)} bytes")
    return block
