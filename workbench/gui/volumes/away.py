"""Work off the GUI thread for a view that stands alone; a page hands its Link in instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import shiboken6
from PySide6.QtCore import QObject, Qt, QThreadPool, Signal

from workbench.core.problem import ProblemRecord, record_of


class Away(QObject):
    """Has the one method of gui.link.Link that a volume view needs."""

    _arrived = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._arrived.connect(lambda call: call(), Qt.ConnectionType.QueuedConnection)

    def background(
        self,
        work: Callable[[], Any],
        *,
        then: Callable[[Any], None] | None = None,
        failed: Callable[[ProblemRecord], None] | None = None,
        owner: QObject | None = None,
    ) -> None:
        """Call `work` on another thread, then `then` or `failed` on this one while `owner` lives."""

        def settle(result: Any, fault: BaseException | None) -> None:
            if owner is not None and not shiboken6.isValid(owner):
                return
            if fault is not None:
                if failed is None:
                    raise fault  # the window's hook shows what nobody here can
                failed(record_of(fault))
            elif then is not None:
                then(result)

        def run() -> None:
            result, fault = None, None
            try:
                result = work()
            except Exception as error:  # told on the GUI thread as what it is
                fault = error
            if shiboken6.isValid(self):
                self._arrived.emit(lambda: settle(result, fault))

        QThreadPool.globalInstance().start(run)
