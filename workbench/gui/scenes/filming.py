"""Films of the scene as commands: once around what is looked at, or along the kept viewpoints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from workbench.core.problem import Problem, ProblemRecord
from workbench.core.scenes import Viewpoint
from workbench.gui.savedialog import ask_where
from workbench.gui.scenes.turntable import FilmMaking, path_through, turntable

if TYPE_CHECKING:
    from workbench.gui.scenes.page import ScenesPage

FRAMES_PER_S = 25
TURN_S, WAY_S = 8, 3
"""What once around takes, and the way from one viewpoint to the next."""
KINDS = {"MP4, H.264 (*.mp4)": ".mp4", "WebM, VP9 (*.webm)": ".webm", "Animated GIF (*.gif)": ".gif"}


class Filming(QObject):
    """One film at a time, in the canvas's size; it is drawn between events and can be stopped."""

    def __init__(self, page: ScenesPage) -> None:
        super().__init__(page)
        self.page = page
        self.making: FilmMaking | None = None
        self._doing = ""

    @property
    def doing(self) -> str:
        """What is being filmed; empty for nothing."""
        return self._doing

    def turntable(self) -> None:
        """Ask where, and film once around."""
        self._ask("Film once around", turntable(self.page.scene.view, TURN_S * FRAMES_PER_S))

    def path(self) -> None:
        """Ask where, and film along the kept viewpoints."""
        views = self.page.state.views
        try:
            film = path_through(views, max(2, (len(views) - 1) * WAY_S * FRAMES_PER_S))
        except Problem as problem:
            self.page.failed_with(problem.record())
            return
        self._ask("Film along the viewpoints", film)

    def _ask(self, title: str, views: Sequence[Viewpoint]) -> None:
        beside = Path(self.page.recent[0]).parent if self.page.recent else Path.home()
        ask_where(self.page, title, beside / "scene", KINDS, then=lambda path: self.make(views, path),
                  failed=self.page.failed_with)  # fmt: skip

    def make(self, views: Sequence[Viewpoint], path: Path) -> None:
        """Film along views into a file, in the place of what is filmed now."""
        self.stop()
        canvas = self.page.canvas
        making = self.making = FilmMaking(
            canvas, views, path, self.page.link, size=canvas.size(), frames_per_s=FRAMES_PER_S
        )
        making.progressed.connect(lambda done, of: self._say(f"Filming {path.name}: frame {done} of {of}", done / of))
        making.finished.connect(lambda _: self._end(f"Written: {path.name}"))
        making.failed.connect(self._fail)
        self._say(f"Filming {path.name}", -1.0)
        making.start()

    def stop(self) -> None:
        """Film no more; nothing of it is left."""
        if self.making is not None:
            self.making.cancel()
            self._end("")

    def _fail(self, record: ProblemRecord) -> None:
        self._end("")
        self.page.failed_with(record)

    def _end(self, words: str) -> None:
        making, self.making = self.making, None
        if making is not None:
            making.deleteLater()
        self._say("", -1.0)
        if words:
            self.page.note([words])

    def _say(self, doing: str, share: float) -> None:
        self._doing = doing
        self.page.tell("filming", doing, share)
