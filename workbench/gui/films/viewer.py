"""A film to be seen: the frame, what can be done with it, and its timeline.

What others build on, and what stays as it is:

- `viewer.scene` (FilmScene): the frames' times, the frame on screen, the stretch in view, in and out point.
- `viewer.add_strip(widget)`: a strip below the thumbnails; derive it from `strips.FilmStrip`, whose left edge,
  zoom, playhead and stretch are those of all strips. `viewer.remove_strip(widget)` takes it away again.
- `viewer.canvas.overlay`: a map (h, w) of 0 to 1 over the frame, or None.
- `viewer.go(frame)` puts a frame on screen; `viewer.player.shown` tells (frame, Picture) of each one that is.
- `viewer.tell_inference(ms)`: how long a model took for the frame on screen; negative for no model.
- `viewer.path` and `viewer.facts` (VideoFacts) of the film; `viewer.opened` tells of another one, or of none.
- the page puts panels at the right of it: `FilmsPage.add_panel(widget)`.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QHideEvent, QImage, QResizeEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QMenu, QScrollArea, QVBoxLayout, QWidget

from workbench.core.video import FrameIndex, VideoFacts
from workbench.core.words import spaced
from workbench.gui.actions import make_action
from workbench.gui.card import Caption
from workbench.gui.films import telling
from workbench.gui.films.canvas import FilmCanvas
from workbench.gui.films.player import SPEEDS, FilmPlayer
from workbench.gui.films.scene import FilmScene
from workbench.gui.films.sources import OpenSource, Picture
from workbench.gui.films.strips import FilmStrip, Ruler
from workbench.gui.films.thumbs import Thumbnails
from workbench.gui.theme import theme
from workbench.gui.timebar import TimeBar
from workbench.gui.volumes.toolrow import ToolRow

MOST_STRIPS_PX, STRIPS_SHARE = 220, 0.3
"""Strips take no more than this of the height: the frame is what is looked at."""
TELL_MS = 100
"""Numbers are told no faster than they can be read."""
STEP_FRAMES = 10
PREVIEW = "preview"


class FilmViewer(QWidget):
    """The frame above, its timeline below; see the module's words for what others may use."""

    opened = Signal()
    failed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.path = ""
        self.facts: VideoFacts | None = None
        self.open_source: OpenSource | None = None
        """Opens another reader of the film that is seen."""
        self.step_frames = STEP_FRAMES
        self._inference_ms = -1.0
        self._trouble = ""
        self._decode_ms = 0.0
        self.aside = ""
        self.scene = FilmScene(self)
        self.canvas = FilmCanvas()
        self.player = FilmPlayer(self.scene, self.canvas.box, self)
        self.ruler, self.thumbnails = Ruler(self.scene), Thumbnails(self.scene)
        self.readout, self.costs = Caption(), QLabel()
        self.speed = QComboBox()
        self.bar = TimeBar(self.scene)
        self._strips: list[QWidget] = []
        self._telling = QTimer(self)
        self._telling.setSingleShot(True)
        self._telling.setInterval(TELL_MS)
        self._telling.timeout.connect(self._tell)
        self._make_actions()
        self._lay_out()
        self._wire()
        self._tell()
        self._able()

    # What is shown

    def show_film(
        self, path: str, open_source: OpenSource, facts: VideoFacts, index: FrameIndex, first: Picture | None = None
    ) -> None:
        """Another film at its first frame, seen whole; `first` is that frame, where it is there already."""
        self.player.close()
        self.path, self.facts, self.open_source = path, facts, open_source
        size = QSize(facts.width, facts.height)
        self.canvas.open(size)
        self._trouble = ""
        self.scene.show(index)
        if first is not None:
            self._show(0, first)
        self.player.open(open_source)
        self.thumbnails.open(open_source, size)
        self._able()
        self.opened.emit()

    def grow(self, index: FrameIndex) -> None:
        """More of the same film's index is known."""
        self.scene.grow(index)
        self.player.grow()

    def clear(self) -> None:
        """Show nothing."""
        self.player.close()
        self.thumbnails.open(None, QSize())
        self.path, self.facts, self.open_source = "", None, None
        self.canvas.open(QSize(0, 0))
        self._trouble = ""
        self.scene.show(None)
        self._tell()
        self._able()
        self.opened.emit()

    def go(self, frame: int) -> None:
        """Put a frame on screen, and the timeline to where it is."""
        self.player.go(frame, follow=True)

    def add_strip(self, strip: QWidget) -> None:
        """A strip below the thumbnails, under those that are there already."""
        self._strips.append(strip)
        self._strip_column.addWidget(strip)
        if isinstance(strip, FilmStrip):
            strip.scrubbed.connect(self.player.go)
        self.fit_strips()

    def remove_strip(self, strip: QWidget) -> None:
        """Take a strip away; it is its owner's again."""
        self._strips.remove(strip)
        self._strip_column.removeWidget(strip)
        strip.setParent(None)
        self.fit_strips()

    def fit_strips(self) -> None:
        """Room for the strips there are, up to a share of the height; for when one has another height."""
        shown = [one for one in self._strips if not one.isHidden()]
        self.strip_area.setVisible(bool(shown))
        if shown:
            wanted = sum(max(one.minimumHeight(), one.minimumSizeHint().height()) for one in shown)
            most = min(theme().pixels(MOST_STRIPS_PX), round(STRIPS_SHARE * self.height()))
            self.strip_area.setFixedHeight(min(wanted, max(most, theme().pixels(24))))
            self._line_up()

    def _line_up(self) -> None:
        """Times lie below each other, also where a scroll bar takes room from the strips."""
        bar = self.strip_area.verticalScrollBar()
        taken = bar.sizeHint().width() if bar.maximum() > bar.minimum() else 0
        for one in self._strips:
            if isinstance(one, FilmStrip) and one.hidden_px != taken:
                one.hidden_px = taken
                one.redraw()

    def tell_inference(self, ms: float) -> None:
        """How long a model took for what is on screen; negative where none is at work."""
        self._inference_ms = ms
        self._tell_soon()

    # Doing

    def select_in(self) -> None:
        """The stretch begins with the frame on screen."""
        end_s = self.scene.selection_s[1] if self.scene.selection_s else self.scene.duration_s
        start_s = self.scene.time_s
        self.scene.select(start_s, end_s if end_s > start_s else self.scene.duration_s)

    def select_out(self) -> None:
        """The stretch ends with the frame on screen, which is its last one."""
        start_s = self.scene.selection_s[0] if self.scene.selection_s else 0.0
        end_s = self.scene.end_s(self.scene.frame)
        self.scene.select(start_s if start_s < end_s else 0.0, end_s)

    def _step_speed(self, by: int) -> None:
        self.speed.setCurrentIndex(min(max(self.speed.currentIndex() + by, 0), len(SPEEDS) - 1))

    def _show_selection(self) -> None:
        if self.scene.selection_s is not None:
            start_s, end_s = self.scene.selection_s
            self.scene.look(start_s, end_s - start_s)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit_strips()

    def hideEvent(self, event: QHideEvent) -> None:
        self.player.halt(settle=False)
        super().hideEvent(event)

    # Telling

    def _show(self, frame: int, picture: Picture) -> None:
        self._decode_ms = picture.told.decode_ms
        index = self.scene.index
        # Where a frame is damaged, the decoder gives the one before it.
        other = index is not None and len(index) > 1 and picture.told.time != index.times[frame]
        self._trouble = f"frame {spaced(frame)} cannot be decoded: this is the one before" if other else ""
        self.canvas.show_frame(picture.image, picture.pixels)
        if self.canvas.words == PREVIEW:
            self._tell_words()
        self._tell_soon()

    def _stand_in(self, frame: int, picture: Picture) -> None:
        """A small picture of the right frame, marked as one; nobody but the person at the screen gets to see it."""
        self._trouble = ""
        self.canvas.show_frame(picture.image)
        self._tell_words()

    def _lack(self, frame: int) -> None:
        self._trouble = f"frame {spaced(frame)} cannot be decoded"
        self.canvas.show_frame(QImage())
        self._tell_soon()

    def _tell_soon(self) -> None:
        if not self._telling.isActive():
            self._telling.start()

    def _tell(self) -> None:
        scene, player = self.scene, self.player
        self._tell_words()
        self.readout.set_whole(telling.position(scene, self.facts))
        late = player.late_share if player.playing or player.beats_shown else -1.0
        self.costs.setText(
            telling.costs(self._decode_ms, self._inference_ms, self.canvas.draw_ms, late, self.aside)
            if scene.frames else ""
        )  # fmt: skip

    def _tell_words(self) -> None:
        """What stands in the picture's corner: the speed, what is wrong with the frame, or that it is a small one."""
        player = self.player
        speed = f"◀ {-player.speed:g} ×" if player.speed < 0 else f"{player.speed:g} ×" if player.speed != 1 else ""
        preview = PREVIEW if player.standing_in >= 0 else ""
        self.canvas.set_words((speed if player.playing else "") or self._trouble or preview)

    def tell_aside(self, words: str, why: str = "") -> None:
        """A few words about work in the background, before what a frame costs; `why` is told when it is pointed at."""
        self.aside = words
        self.costs.setToolTip(why if words else "")
        self._tell_soon()

    def _show_playing(self) -> None:
        playing, speed = self.player.playing, self.player.speed
        self.acts["play"].setText("Halt" if playing else "Play")
        at = min(range(len(SPEEDS)), key=lambda one: abs(SPEEDS[one] - abs(speed)))
        self.speed.blockSignals(True)
        self.speed.setCurrentIndex(at)
        self.speed.blockSignals(False)
        self._tell_soon()

    def _able(self) -> None:
        there = self.scene.frames > 0
        for action in self.acts.values():
            action.setEnabled(there)
        self.speed.setEnabled(there)

    # Building

    def _make_actions(self) -> None:
        scene, player, canvas = self.scene, self.player, self.canvas
        doing: dict[str, Callable[[], object]] = {
            "play": player.toggle, "backward": lambda: player.shuttle(-1), "stop": player.halt,
            "forward": lambda: player.shuttle(1), "previous": lambda: player.step(-1), "next": lambda: player.step(1),
            "back": lambda: player.step(-self.step_frames), "on": lambda: player.step(self.step_frames),
            "first": lambda: self.go(0), "last": lambda: self.go(scene.frames - 1),
            "in": self.select_in, "out": self.select_out, "none": lambda: scene.select(None), "loop": self._loop,
            "slower": lambda: self._step_speed(-1), "faster": lambda: self._step_speed(1),
            "closer": lambda: scene.magnify(1.5), "farther": lambda: scene.magnify(1 / 1.5), "fit": scene.fit,
            "selection": self._show_selection, "earlier": lambda: scene.shift(-0.5), "later": lambda: scene.shift(0.5),
            "larger": lambda: canvas.magnify(1.25), "smaller": lambda: canvas.magnify(0.8), "whole": canvas.whole,
        }  # fmt: skip
        self.acts: dict[str, QAction] = {
            name: make_action(self, f"view.film.{name}", do, checkable=name == "loop") for name, do in doing.items()
        }

    def _loop(self) -> None:
        self.player.set_loop(self.acts["loop"].isChecked())

    def _lay_out(self) -> None:
        px = theme().pixels
        self.menu = QMenu(self)
        self.menu.addActions(list(self.acts.values()))
        act = self.acts
        self.tools = ToolRow(
            [[act["backward"], act["previous"], act["play"], act["next"], act["forward"], act["loop"]],
             [act["in"], act["out"]], [act["closer"], act["farther"], act["fit"], act["selection"]], [act["whole"]]],
            self.menu,
        )  # fmt: skip
        self.speed.addItems([f"{one:g} ×" for one in SPEEDS])
        self.speed.setCurrentIndex(SPEEDS.index(1.0))
        self.speed.setAccessibleName("Speed")
        self.speed.setToolTip("Speed of playing (, and . change it)")
        self.top = QHBoxLayout()
        self.top.setSpacing(px(8))
        self.top.addWidget(self.tools, 1)
        label = QLabel("Speed")
        label.setProperty("role", "dim")
        self.top.addWidget(label)
        self.top.addWidget(self.speed)
        inner = QWidget()
        self._strip_column = QVBoxLayout(inner)
        self._strip_column.setContentsMargins(0, 0, 0, 0)
        self._strip_column.setSpacing(0)
        self.strip_area = QScrollArea()
        self.strip_area.setWidgetResizable(True)
        self.strip_area.setFrameShape(QScrollArea.Shape.NoFrame)
        self.strip_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.strip_area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.strip_area.setWidget(inner)
        self.strip_area.setStyleSheet("QScrollArea { border: none; }")
        self.strip_area.verticalScrollBar().rangeChanged.connect(lambda *_: self._line_up())
        self.strip_area.hide()
        self.costs.setProperty("role", "dim")
        self.costs.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        telling_line = QHBoxLayout()
        telling_line.setSpacing(px(12))
        telling_line.addWidget(self.readout, 1)
        telling_line.addWidget(self.costs)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(px(4))
        whole.addLayout(self.top)
        whole.addWidget(self.canvas, 1)
        whole.addLayout(telling_line)
        timeline = QVBoxLayout()
        timeline.setSpacing(0)
        for widget in (self.ruler, self.thumbnails, self.strip_area, self.bar):
            timeline.addWidget(widget)
        whole.addLayout(timeline)

    def minimumSizeHint(self) -> QSize:
        return QSize(theme().pixels(240), theme().pixels(260))

    def _wire(self) -> None:
        scene, player = self.scene, self.player
        player.shown.connect(self._show)
        player.stood_in.connect(self._stand_in)
        player.lacking.connect(self._lack)
        player.changed.connect(self._show_playing)
        player.failed.connect(self.failed)
        self.canvas.resized.connect(player.refresh)
        for strip in (self.ruler, self.thumbnails):
            strip.scrubbed.connect(player.go)
        for signal in (scene.moved, scene.selected, scene.shown):
            signal.connect(self._tell_soon)
        self.speed.currentIndexChanged.connect(lambda at: player.set_speed(SPEEDS[at]))
