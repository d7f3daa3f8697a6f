"""Clips of a run: all of them small and moving, one of them large, with the truth, the prediction and the maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAction, QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QMenu, QSizePolicy, QSlider, QStackedWidget, QVBoxLayout, QWidget

from workbench.core import events as ev
from workbench.core.documents import Item
from workbench.core.problem import ProblemRecord
from workbench.core.words import count, spaced
from workbench.gui.actions import keymap
from workbench.gui.theme import theme
from workbench.gui.views.base import Rows, View
from workbench.gui.views.clipexport import save_gif, save_strip
from workbench.gui.views.clipgrid import ClipGrid
from workbench.gui.views.clipset import ClipSet, Order, labels_of, read_clipset, sorted_by, verdict
from workbench.gui.views.clipstage import ClipStage
from workbench.gui.volumes.away import Away
from workbench.gui.volumes.toolrow import ToolRow

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0)
LEAST_MS = 16
"""No frame is on screen for a shorter time; what is faster leaves frames out."""
HOLD_FRAMES = 3
"""The last frame stays so much longer: otherwise nobody sees where a repeated motion begins."""
SHARE_STEP = 0.1
SLIDER_FROM_PX = 440
"""In a narrower card the keys and the menu alone change how opaque maps are."""
ORDERS: dict[Order, str] = {"given": "As given", "surest": "Surest first", "unsurest": "Least sure first"}
ALL, WRONG, PICKED, LABEL = "all", "wrong", "picked", "label:"
"""What the filter's entries stand for; the last one goes before a label."""


class ClipsView(View):
    """Filter, order, speed, map and the enlarged clip stay as they are when the time slider goes on."""

    name = "Clips"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.clips: ClipSet | None = None
        self.frame, self.playing, self.speed = 0, True, 1.0
        self.share = 0.5
        self._held = 0
        self._picked: tuple[str, frozenset[int]] = ("", frozenset())
        self._away = Away(self)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._go_on)
        self.grid, self.stage = ClipGrid(self), ClipStage(self)
        self.grid.opened.connect(self.enlarge)
        self.grid.pointed.connect(lambda _: self._count())
        self.stage.left.connect(self.shrink)
        self.stage.wanted.connect(self.seek)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.grid)
        self.pages.addWidget(self.stage)
        self.filter = self._combo("Which clips", "Which clips are shown", self._arrange)
        self.order = self._combo("Order of the clips", "In which order the clips are shown", self._arrange)
        for name, words in ORDERS.items():
            self.order.addItem(words, name)
        self.opacity = self._opacity()
        self._lay_out(self._wire())
        self.setFocusProxy(self.grid)

    # Making

    def _wire(self) -> list[list[QAction]]:
        add = self.add_action
        self.play_action = add("view.clips.play", self.toggle, checkable=True)
        self.play_action.setChecked(True)
        self.maps_action = add("view.clips.maps", self._remap, checkable=True)
        self.maps_action.setChecked(True)
        slower, faster = add("view.clips.slower", lambda: self.hasten(-1)), add("view.clips.faster", self.hasten)
        large = add("view.clips.enlarge", lambda: self.enlarge(self.grid.clip))
        self.single = [
            self._staged("view.clips.back", lambda: self.step(-1)), self._staged("view.clips.on", self.step),
            self._staged("view.clips.first", lambda: self.seek(0)),
            self._staged("view.clips.last", lambda: self.seek(-1)), self._staged("view.clips.close", self.shrink),
        ]  # fmt: skip
        before, after = add("view.clips.previous", lambda: self.go(-1)), add("view.clips.next", self.go)
        add("view.clips.wrong", self.toggle_wrong)
        add("view.clips.order", lambda: self.order.setCurrentIndex((self.order.currentIndex() + 1) % len(ORDERS)))
        add("view.clips.larger", lambda: self.grid.resize_tiles(1))
        add("view.clips.smaller", lambda: self.grid.resize_tiles(-1))
        self.share_actions = [
            add("view.clips.fainter", lambda: self.set_share(self.share - SHARE_STEP)),
            add("view.clips.stronger", lambda: self.set_share(self.share + SHARE_STEP)),
        ]
        add("view.clips.gif", lambda: self._export("Save the clip as GIF", "clip.gif", "GIF (*.gif)", save_gif))
        add("view.clips.strip", lambda: self._export("Save the frames", "frames.png", "PNG (*.png)", save_strip))
        back, on, _, _, close = self.single
        return [[self.play_action, close, large], [back, on], [self.maps_action], [before, after], [slower, faster]]

    def _staged(self, name: str, do: Callable[[], Any]) -> QAction:
        """An action of the enlarged clip alone: in the grid the same keys move the cursor."""
        action = self.add_action(name, do)
        self.removeAction(action)
        self.stage.addAction(action)
        return action

    def _lay_out(self, groups: list[list[QAction]]) -> None:
        px = theme().pixels
        self.menu = QMenu(self)
        self.menu.aboutToShow.connect(self._fill_menu)
        self.tools = ToolRow(groups, self.menu)
        top = QHBoxLayout()
        top.setSpacing(px(4))
        top.addWidget(self.filter, 2)
        top.addWidget(self.order, 2)
        top.addWidget(self.opacity)
        top.addWidget(self.tools, 3)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(px(4))
        column.addLayout(top)
        column.addWidget(self.pages, 1)
        self.set_body(body)
        self._show_tools()

    def _combo(self, name: str, tip: str, changed: Callable[[], None]) -> QComboBox:
        combo = QComboBox()
        combo.setAccessibleName(name)
        combo.setToolTip(tip)
        combo.setMinimumContentsLength(4)
        combo.setMaximumWidth(theme().pixels(136))
        combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        combo.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        combo.currentIndexChanged.connect(lambda _: changed())
        return combo

    def _opacity(self) -> QSlider:
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(0, 100)
        slider.setValue(round(self.share * 100))
        slider.setAccessibleName("Opacity of the maps in per cent")
        keymap().explain(slider, "view.clips.stronger", "How opaque the maps lie over the frames")
        slider.setMinimumWidth(theme().pixels(40))
        slider.setMaximumWidth(theme().pixels(72))
        slider.valueChanged.connect(lambda value: self.set_share(value / 100))
        return slider

    def _fill_menu(self) -> None:
        self.menu.clear()
        self.menu.addActions([one for one in (*self.stage.actions(), *self.actions()) if one.isVisible()])

    # Content

    def read(self, folder: Path, artifact: ev.Artifact) -> ClipSet:
        return read_clipset(folder, artifact)

    def draw(self, content: ClipSet) -> None:
        same = self.clips is not None and len(self.clips.items) == len(content.items)
        self.clips = content
        if not same:
            self._picked = ("", frozenset())
            self.pages.setCurrentWidget(self.grid)
        self.frame = min(self.frame, content.length - 1)
        self._offer()
        self._show_tools()
        self._arrange()
        if self.enlarged:
            self.stage.show_clip(content, self.stage.canvas.clip)
        self._remap()
        self._run()

    def clear(self, hint: str) -> None:
        self.clips = None
        self._timer.stop()
        self.pages.setCurrentWidget(self.grid)
        super().clear(hint)

    def complain(self, problem: ProblemRecord) -> None:
        self._timer.stop()
        super().complain(problem)

    def rows(self) -> tuple[Sequence[str], Rows]:
        names = ("clip", "text", "true", "predicted", "score", "group", "source")
        items = self.clips.items if self.clips is not None else []
        return names, [
            (at, one.text, one.label, one.predicted, one.score, one.group, one.source if one.source >= 0 else None)
            for at, one in ((at, items[at]) for at in self.grid.shown if at < len(items))
        ]

    def recolour(self) -> None:
        self.grid.set_theme(self.tokens)

    def _exported(self) -> QWidget:
        return self.stage.canvas if self.enlarged else self.grid

    # Which clips

    def narrow(self, items: Sequence[Item], title: str) -> None:
        """Show only the clips of these items, picked in another view; where none is among them all stay."""
        if self.clips is None:
            return
        sources, alike = {one.source for one in items if one.source >= 0}, set(map(_key, items))
        found = {at for at, one in enumerate(self.clips.items) if one.source in sources or _key(one) in alike}
        if not found:
            return
        self._picked = (title, frozenset(found))
        self._offer()
        self.filter.setCurrentIndex(self.filter.findData(PICKED))
        self.shrink()
        self._arrange()

    def toggle_wrong(self) -> None:
        """Only clips that were taken for something else; again: all."""
        at = self.filter.findData(WRONG)
        if at >= 0:
            self.filter.setCurrentIndex(0 if self.filter.currentIndex() == at else at)

    def _offer(self) -> None:
        """What can be asked for: all, the wrong ones, those that were picked elsewhere, each label."""
        items = self.clips.items if self.clips is not None else []
        wrong = sum(verdict(one) is False for one in items)
        offers = [(f"All {spaced(len(items))}", ALL)]
        if any(verdict(one) is not None for one in items):
            offers.append((f"Wrong: {spaced(wrong)}", WRONG))
        if self._picked[1]:
            offers.append((f"Picked: {spaced(len(self._picked[1]))}", PICKED))
        offers += [(label, LABEL + label) for label in labels_of(items)]
        kept = self.filter.currentData()
        self.filter.blockSignals(True)
        self.filter.clear()
        for words, what in offers:
            self.filter.addItem(words, what)
        self.filter.setCurrentIndex(max(self.filter.findData(kept), 0))
        self.filter.blockSignals(False)

    def _arrange(self) -> None:
        if self.clips is None:
            return
        items = self.clips.items
        which = str(self.filter.currentData() or ALL)
        wanted: dict[str, Callable[[int], bool]] = {
            ALL: lambda at: True, WRONG: lambda at: verdict(items[at]) is False,
            PICKED: lambda at: at in self._picked[1],
        }  # fmt: skip
        if which.startswith(LABEL):
            wanted[which] = lambda at: LABEL + items[at].label == which
        fits = wanted[which]
        shown = [at for at in range(len(items)) if fits(at)]
        order = self.order.currentData()
        self.grid.show_clips(self.clips, sorted_by(order if order in get_args(Order) else "given", shown, items))
        self._count()

    def _count(self) -> None:
        if self.clips is None:
            return
        judged = [told for told in map(verdict, self.clips.items) if told is not None]
        whole, shown = len(self.clips.items), len(self.grid.shown)
        told = count(whole, "clip") if shown == whole else f"{spaced(shown)} of {count(whole, 'clip')}"
        picked = self._picked[0] if self.filter.currentData() == PICKED else ""
        # No share: clips are chosen to show right ones and wrong ones, which says nothing of how many there are.
        right = f"{spaced(sum(judged))} right, {spaced(len(judged) - sum(judged))} wrong" if judged else ""
        speed = f"{self.speed:g}×" if self.speed != 1 else ""
        maps = self.clips.meta.maps if self.clips.maps is not None and self.maps_action.isChecked() else ""
        self.set_caption(" · ".join(filter(None, (told, picked, right, maps, speed))))

    # One clip

    @property
    def enlarged(self) -> bool:
        """Whether one clip is shown large."""
        return self.pages.currentWidget() is self.stage

    def enlarge(self, clip: int) -> None:
        """Show a clip large."""
        if self.clips is None or not 0 <= clip < len(self.clips.items) or self.enlarged:
            return
        focused = self.grid.hasFocus()
        self.stage.show_clip(self.clips, clip)
        self.pages.setCurrentWidget(self.stage)
        self.setFocusProxy(self.stage)
        if focused:
            self.stage.canvas.setFocus()
        self._show_tools()
        self._redraw()

    def shrink(self) -> None:
        """Back to all clips."""
        if not self.enlarged:
            return
        focused = self.stage.canvas.hasFocus()
        self.pages.setCurrentWidget(self.grid)
        self.setFocusProxy(self.grid)
        if focused:
            self.grid.setFocus()
        self._show_tools()
        self._redraw()

    def go(self, by: int = 1) -> None:
        """The next clip (or the one before) of those shown."""
        self.grid.point(self.grid.current + by)
        if self.enlarged and self.clips is not None and self.grid.clip >= 0:
            self.stage.show_clip(self.clips, self.grid.clip)
            self._redraw()

    def _show_tools(self) -> None:
        maps = self.clips is not None and self.clips.maps is not None
        for action in self.single:
            action.setVisible(self.enlarged)
        for action in (self.maps_action, *self.share_actions):
            action.setVisible(maps)
        self.opacity.setVisible(maps and self.width() >= theme().pixels(SLIDER_FROM_PX))
        for action in self.actions():
            if action.objectName() == "view.clips.enlarge":
                action.setVisible(not self.enlarged)

    # Time

    def toggle(self) -> None:
        """Play, or hold still."""
        self.playing = self.play_action.isChecked()
        self._run()

    def hasten(self, by: int = 1) -> None:
        """The next speed up (1) or down (-1)."""
        self.speed = SPEEDS[min(max(SPEEDS.index(self.speed) + by, 0), len(SPEEDS) - 1)]
        self._run()
        self._count()

    def step(self, by: int = 1) -> None:
        """Hold still at the next frame or the one before; past the end it begins again."""
        if self.clips is not None:
            self.seek((self.frame + by) % self.clips.length)

    def seek(self, frame: int) -> None:
        """Hold still at a frame; -1 is the last one."""
        if self.clips is None:
            return
        self.play_action.setChecked(False)
        self.toggle()
        self.frame = frame % self.clips.length
        self._redraw()

    def set_share(self, share: float) -> None:
        """How opaque maps are, 0 to 1."""
        self.share = min(max(round(share, 2), 0.0), 1.0)
        self.opacity.blockSignals(True)
        self.opacity.setValue(round(self.share * 100))
        self.opacity.blockSignals(False)
        self.maps_action.setChecked(True)
        self._remap()

    @property
    def shown_share(self) -> float:
        """How opaque maps are drawn now; 0 where they are switched off or there are none."""
        there = self.clips is not None and self.clips.maps is not None
        return self.share if there and self.maps_action.isChecked() else 0.0

    def _remap(self) -> None:
        self._redraw()
        self._count()

    def _redraw(self) -> None:
        shown = self.stage if self.enlarged else self.grid
        shown.show_frame(self.frame, self.shown_share)

    def _run(self) -> None:
        """One timer for all clips, and none while nobody can see them."""
        clips = self.clips
        if clips is None or not self.playing or not self.isVisible() or clips.length < 2:
            self._timer.stop()
            return
        self._timer.start(max(LEAST_MS, round(1000 / (clips.meta.frames_per_s * self.speed))))

    def _go_on(self) -> None:
        if self.clips is None or self.window().isMinimized():
            return
        rate_per_s = self.clips.meta.frames_per_s * self.speed
        by = max(1, round(LEAST_MS * rate_per_s / 1000))
        last = self.clips.length - 1
        if self.frame >= last and self._held < HOLD_FRAMES:
            self._held += by
            return
        self._held = 0
        self.frame = 0 if self.frame >= last else min(self.frame + by, last)
        self._redraw()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_tools()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._run()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    # Files

    def _export(self, title: str, name: str, kinds: str, save: Callable[[ClipSet, int, float, Path], None]) -> None:
        clips, clip = self.clips, self.stage.canvas.clip if self.enlarged else self.grid.clip
        if clips is not None and clip >= 0:
            share = self.shown_share
            self._ask(title, name, kinds, lambda path: self.save_clip(save, clips, clip, share, path))

    def save_clip(
        self, save: Callable[[ClipSet, int, float, Path], None], clips: ClipSet, clip: int, share: float, path: Path
    ) -> bool:
        """Write a clip on another thread, and return at once; what came of it is said in the caption."""
        self._away.background(
            lambda: save(clips, clip, share, path), owner=self,
            then=lambda _: self.set_caption(f"saved {path.name}"),
            failed=lambda told: self.set_caption(f"not saved: {told.what}"),
        )  # fmt: skip
        return True


def _key(item: Item) -> tuple[str, str, int]:
    return (item.text, item.label, item.source)
