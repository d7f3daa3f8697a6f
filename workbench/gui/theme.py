"""Colours, sizes and fonts of the window: one set of tokens per theme, everything drawn from them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal

import shiboken6
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from workbench.core.colours import CATEGORIES

Choice = Literal["system", "dark", "light"]


@dataclasses.dataclass(frozen=True)
class Tokens:
    """What a painter may use; names stand for the role, values are '#RRGGBB'."""

    name: Literal["dark", "light"]
    background: str
    surface: str
    raised: str
    line: str
    text: str
    dim: str
    accent: str
    on_accent: str
    ok: str
    warning: str
    error: str
    categories: tuple[str, ...] = CATEGORIES

    @property
    def dark(self) -> bool:
        """Whether light text stands on a dark ground."""
        return self.name == "dark"

    def blend(self, over: str, share: float, under: str | None = None) -> str:
        """`share` of one colour over another (the surface where none is given), as '#RRGGBB'."""
        top, ground = QColor(over), QColor(under or self.surface)
        parts = [
            round(a * share + b * (1 - share))
            for a, b in zip(top.getRgb()[:3], ground.getRgb()[:3], strict=True)  # type: ignore[index]
        ]
        return "#{:02X}{:02X}{:02X}".format(*parts)


DARK = Tokens(
    name="dark", background="#14161A", surface="#1B1E24", raised="#242932", line="#2E343F",
    text="#E6E9EF", dim="#98A2B3", accent="#5B9DFF", on_accent="#0B1220",
    ok="#3FB68B", warning="#E5B454", error="#E97C84",
)  # fmt: skip
LIGHT = Tokens(
    name="light", background="#F3F5F8", surface="#FFFFFF", raised="#EDF0F5", line="#D9DEE7",
    text="#1B2130", dim="#596274", accent="#1E5DD3", on_accent="#FFFFFF",
    ok="#18714F", warning="#885A17", error="#B6323D",
)  # fmt: skip


class Theme(QObject):
    """The application's look; `changed` carries the new tokens after every switch."""

    changed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.choice: Choice = "system"
        self.scale = 1.0
        self.now = DARK
        self._worn: tuple[Tokens, float] | None = None
        self._listening = False
        self._followers: list[tuple[QObject, Callable[[], object]]] = []

    def choose(self, choice: Choice, *, scale_percent: int = 100) -> None:
        """Settle colours and sizes without drawing them yet.

        A window that is built before its style sheet is in force is polished once as a whole
        instead of once for every widget that finds its parent.
        """
        self.choice, self.scale = choice, scale_percent / 100
        self.now = _chosen(choice)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.setFont(base_font(self.scale))
            app.setPalette(_palette(self.now))

    def use(self, choice: Choice, *, scale_percent: int = 100) -> None:
        """Dress the application; 'system' follows the desktop's own switch from now on."""
        self.choose(choice, scale_percent=scale_percent)
        self._listen()
        self._dress()

    def follow(self, owner: QObject, redraw: Callable[[], object]) -> None:
        """Call `redraw` after every switch for as long as `owner` exists."""
        self._followers.append((owner, redraw))

    def pixels(self, size: float) -> int:
        """A length of the 8-pixel grid at the chosen scale."""
        return round(size * self.scale)

    def _listen(self) -> None:
        if not self._listening:
            QGuiApplication.styleHints().colorSchemeChanged.connect(self._follow)
            self._listening = True

    def _follow(self) -> None:
        if self.choice == "system":
            self._dress()

    def _dress(self) -> None:
        from workbench.gui.stylesheet import stylesheet

        self.now = _chosen(self.choice)
        if self._worn == (self.now, self.scale):
            return
        self._worn = (self.now, self.scale)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.setPalette(_palette(self.now))
            # Qt goes through all that is below a widget, for each one: seconds where many pages are open. Taking the
            # old sheet off first is five times as fast; it ended the process where a widget went while others were
            # polished.
            app.setStyleSheet(stylesheet(self.now, self.scale))
        self.changed.emit(self.now)
        self._followers = [(owner, redraw) for owner, redraw in self._followers if shiboken6.isValid(owner)]
        for _, redraw in self._followers:
            redraw()


def _chosen(choice: Choice) -> Tokens:
    if choice == "system":
        light = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Light
        return LIGHT if light else DARK
    return DARK if choice == "dark" else LIGHT


_theme: Theme | None = None


def theme() -> Theme:
    """The one theme of this process, made on first use."""
    global _theme
    if _theme is None:
        _theme = Theme()
    return _theme


def tokens() -> Tokens:
    """The colours in force."""
    return theme().now


def base_font(scale: float = 1.0) -> QFont:
    """Inter where installed, the platform's font otherwise; 10 pt with tabular figures."""
    families = QFontDatabase.families()
    font = QFont("Inter") if "Inter" in families else QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    return _sized(font, 10 * scale)


def fixed_font(scale: float | None = None, *, size_pt: float = 9.0) -> QFont:
    """The platform's fixed-width font for logs and commands."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    return _sized(font, size_pt * (theme().scale if scale is None else scale))


def _sized(font: QFont, size_pt: float) -> QFont:
    font.setPointSizeF(size_pt)
    if hasattr(QFont, "Tag"):
        font.setFeature(QFont.Tag("tnum"), 1)
    return font


def _palette(now: Tokens) -> QPalette:
    palette, role = QPalette(), QPalette.ColorRole
    for where, colour in {
        role.Window: now.background, role.Base: now.surface, role.AlternateBase: now.raised,
        role.Button: now.raised, role.Text: now.text, role.WindowText: now.text,
        role.ButtonText: now.text, role.PlaceholderText: now.dim, role.Highlight: now.accent,
        role.HighlightedText: now.on_accent, role.ToolTipBase: now.raised, role.ToolTipText: now.text,
        role.Link: now.accent, role.Mid: now.line,
    }.items():  # fmt: skip
        palette.setColor(where, QColor(colour))
    for where in (role.Text, role.WindowText, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, where, QColor(now.blend(now.dim, 0.6)))
    return palette
