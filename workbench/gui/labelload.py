"""Reads all examples of a data set from the worker, page by page, without holding the window up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from PySide6.QtCore import QObject, Signal

from workbench.core.documents import ExamplesPage
from workbench.core.problem import ProblemRecord
from workbench.gui.labelledits import Draft
from workbench.gui.link import Link

PAGE = 500
MOST_EXAMPLES = 50_000
"""Of larger data the first so many are listed, which is said."""


class ExampleLoader(QObject):
    """Signals: `progress` counts, `done` carries (Draft, examples in the data), `failed` a ProblemRecord."""

    progress = Signal(int)
    done = Signal(object, int)
    failed = Signal(object)

    def __init__(self, link: Link, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.link = link
        self._number = 0
        self._pages: list[ExamplesPage] = []

    def load(self, address: str, *, recipe: str, params: Mapping[str, Any], slot: str) -> None:
        """Begin to read; whatever was being read before is dropped."""
        self._number += 1
        self._pages = []
        self._next({"address": address, "recipe": recipe, "params": dict(params), "slot": slot, "limit": PAGE})

    def _next(self, asked: dict[str, Any]) -> None:
        number, offset = self._number, sum(len(page.texts) for page in self._pages)
        self.progress.emit(offset)
        future = self.link.runner.inspect("examples", **asked, offset=offset)
        self.link.deliver(
            future,
            then=lambda raw: self._arrived(number, asked, raw),
            failed=lambda record: self._refused(number, record),
            owner=self,
        )

    def _arrived(self, number: int, asked: dict[str, Any], raw: msgspec.Raw) -> None:
        if number != self._number:
            return
        try:
            page = msgspec.json.decode(raw, type=ExamplesPage)
        except msgspec.DecodeError as error:
            self.failed.emit(ProblemRecord("The examples cannot be shown.", received=str(error), severity="bug"))
            return
        self._pages.append(page)
        listed = sum(len(one.texts) for one in self._pages)
        if page.texts and listed < min(page.total, MOST_EXAMPLES):
            self._next(asked)
            return
        pages, self._pages = self._pages, []
        self.done.emit(Draft.of_pages(pages, asked["address"]), page.total)

    def _refused(self, number: int, record: ProblemRecord) -> None:
        if number == self._number:
            self.failed.emit(record)
