"""The style sheet, generated from the tokens: no colour or size is written anywhere else."""

from __future__ import annotations

import atexit
import functools
import hashlib
import shutil
import tempfile
from pathlib import Path
from string import Template

from workbench.gui.theme import Tokens

_SHEET = Template("""
* { outline: none; }
QWidget { color: $text; selection-background-color: $accent; selection-color: $on_accent; }
QMainWindow, QDialog, #page { background: $background; }
QLabel { background: transparent; }
QLabel[role="title"] { font-size: ${pt15}pt; font-weight: 600; }
QLabel[role="heading"] { font-weight: 600; }
QLabel[role="dim"] { color: $dim; }
QLabel[role="small"] { color: $dim; font-size: ${pt9}pt; }
QLabel[role="ok"] { color: $ok; } QLabel[role="warning"] { color: $warning; } QLabel[role="error"] { color: $error; }
QToolTip { background: $raised; color: $text; border: 1px solid $line; padding: ${p4}px ${p8}px; }

#rail { background: $surface; border-right: 1px solid $line; }
#rail QToolButton { border: none; border-radius: ${p6}px; padding: 0 ${p12}px; color: $dim; text-align: left;
    font-weight: 500; min-height: ${p32}px; max-height: ${p32}px; background: transparent; }
#rail QToolButton:hover { background: $hover; color: $text; }
#rail QToolButton:checked { background: $raised; color: $text; }
#rail QToolButton:focus { border: 1px solid $accent; padding: 0 ${p11}px; }
#brand { font-size: ${pt11}pt; font-weight: 700; }

#card { background: $surface; border: 1px solid $line; border-radius: ${p8}px; }
#cardBody { background: transparent; }
#statusBar { background: $surface; border-top: 1px solid $line; }
QDialogButtonBox { dialogbuttonbox-buttons-have-icons: 0; }
#statusBar QPushButton { border: none; background: transparent; color: $dim; padding: 0 ${p8}px; min-height: ${p24}px;
    border-radius: ${p4}px; }
#statusBar QPushButton:hover { background: $raised; color: $text; }
#statusBar QPushButton:focus { border: 1px solid $accent; padding: 0 ${p7}px; }
#jobPanel { background: $surface; border-top: 1px solid $line; }
#jobRow { background: transparent; border: 1px solid transparent; border-radius: ${p6}px; }
#jobRow:hover { background: $hover; }
#jobRow:focus { border-color: $accent; }
#jobRow[dragged="true"] { background: $tint; }
#dropLine { background: $accent; border-radius: 1px; }

QPushButton { icon-size: ${p16}px; }
QPushButton, QToolButton[role="button"] { background: $raised; border: 1px solid $line; border-radius: ${p6}px;
    padding: 0 ${p12}px; min-height: ${p28}px; }
QPushButton:hover, QToolButton[role="button"]:hover { background: $raised2; }
QPushButton:checked { background: $raised2; border: 1px solid $accent; }
QPushButton:pressed { background: $line; }
QPushButton:focus, QToolButton[role="button"]:focus { border: 1px solid $accent; }
QPushButton:disabled { color: $faint; background: $surface; }
QPushButton[role="primary"] { background: $accent; color: $on_accent; border: 1px solid $accent; font-weight: 600;
    min-width: ${p88}px; }
QPushButton[role="primary"]:hover { background: $accent2; }
QPushButton[role="primary"]:focus { border: 2px solid $text; }
QPushButton[role="primary"]:disabled { background: $raised; color: $faint; border-color: $line; }
QPushButton[role="compact"] { padding: 0 ${p8}px; min-height: ${p24}px; }
QPushButton[role="flat"] { background: transparent; border: 1px solid transparent; padding: 0 ${p6}px; }
QPushButton[role="flat"]:hover { background: $raised; }
QPushButton[role="flat"]:focus { border: 1px solid $accent; }
QPushButton[role="link"] { background: transparent; border: 1px solid transparent; padding: 0 ${p4}px;
    text-align: left; min-height: ${p24}px; }
QPushButton[role="link"]:hover { color: $accent; }
QPushButton[role="link"]:focus { border: 1px solid $accent; }
QPushButton[role="fold"] { background: transparent; border: 1px solid transparent; padding: 0; text-align: left;
    color: $dim; min-height: ${p24}px; }
QPushButton[role="fold"]:hover { color: $text; }
QPushButton[role="fold"]:focus { color: $accent; }
QToolButton { border: 1px solid transparent; border-radius: ${p6}px; background: transparent; padding: ${p3}px; }
QToolButton:hover { background: $raised; }
QToolButton:focus { border: 1px solid $accent; }
QToolButton[role="title"] { font-size: ${pt15}pt; font-weight: 600; padding: 0 ${p20}px 0 0;
    min-height: ${p32}px; border: none; margin-left: -${p6}px; }
QToolButton[role="title"]::menu-indicator { image: url($chevron); width: ${p12}px; subcontrol-position: right center;
    right: ${p4}px; }
QToolButton[role="title"][alone="true"] { padding: 0; }
QToolButton[role="title"][alone="true"]::menu-indicator { image: none; }
QToolButton[role="title"]:hover { background: transparent; }
QToolButton[role="title"]:focus { color: $accent; }

QLineEdit, QAbstractSpinBox, QComboBox, QPlainTextEdit, QTextEdit {
    background: $field; border: 1px solid $line; border-radius: ${p6}px; padding: 0 ${p8}px; }
QLineEdit, QPlainTextEdit, QTextEdit { placeholder-text-color: $dim; }
QLineEdit, QAbstractSpinBox, QComboBox { min-height: ${p26}px; max-height: ${p26}px; }
QPlainTextEdit, QTextEdit { padding: ${p4}px; }
QLineEdit:hover, QAbstractSpinBox:hover, QComboBox:hover { border-color: $edge; }
QLineEdit:focus, QAbstractSpinBox:focus, QComboBox:focus, QPlainTextEdit:focus, QTextEdit:focus {
    border: 1px solid $accent; }
QLineEdit:disabled, QAbstractSpinBox:disabled, QComboBox:disabled { color: $faint;
    background: $surface; }
*[wrong="true"] { border: 1px solid $error; }
QAbstractSpinBox QLineEdit { border: none; padding: 0 0 0 ${p6}px; background: transparent; min-height: 0; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { width: ${p16}px; border: none; background: transparent; }
QAbstractSpinBox::up-arrow { image: url($up); width: ${p8}px; height: ${p8}px; }
QAbstractSpinBox::down-arrow { image: url($down); width: ${p8}px; height: ${p8}px; }
QAbstractSpinBox[role="bare"]::up-button, QAbstractSpinBox[role="bare"]::down-button { width: 0; }
QAbstractSpinBox[role="bare"]::up-arrow, QAbstractSpinBox[role="bare"]::down-arrow {
    width: 0; height: 0; image: none; }
QComboBox { padding-right: ${p20}px; }
QComboBox::drop-down { border: none; width: ${p20}px; }
QComboBox::down-arrow { image: url($chevron); width: ${p10}px; height: ${p10}px; }
QComboBox QAbstractItemView { background: $raised; border: 1px solid $line; border-radius: ${p6}px; padding: ${p4}px;
    selection-background-color: $accent; selection-color: $on_accent; }
QComboBox QAbstractItemView::item { min-height: ${p24}px; padding: 0 ${p6}px; }
QCheckBox { spacing: ${p8}px; background: transparent; min-height: ${p28}px; }
QCheckBox::indicator { width: ${p30}px; height: ${p16}px; image: url($off); }
QCheckBox::indicator:checked { image: url($on); }
QCheckBox::indicator:focus { border: 1px solid $accent; border-radius: ${p8}px; }
QTreeView::indicator, QListView::indicator { width: ${p16}px; height: ${p16}px; image: url($unticked); }
QTreeView::indicator:checked, QListView::indicator:checked { image: url($ticked); }
QTreeView::indicator:indeterminate, QListView::indicator:indeterminate { image: url($half); }
#dropZone { border: 1px dashed $edge; border-radius: ${p6}px; background: $field; }
#dropZone[over="true"] { border: 1px solid $accent; background: $tint; }

QListView, QTreeView, QTableView { background: transparent; border: 1px solid transparent;
    border-radius: ${p4}px; alternate-background-color: transparent; }
QListView:focus, QTreeView:focus, QTableView:focus { border-color: $accent; }
#palette QListView { border: none; }
QTableView { gridline-color: transparent; }
QTableView::item, QTreeView::item, QListView::item { padding: 0 ${p8}px; border: none; min-height: ${p28}px; }
QTableView::item:hover, QTreeView::item:hover, QListView::item:hover { background: $hover; }
QTableView::item:selected, QTreeView::item:selected, QListView::item:selected { background: $tint; color: $text; }
QHeaderView { background: transparent; border: none; }
QHeaderView::section { background: transparent; color: $dim; border: none; border-bottom: 1px solid $line;
    padding: 0 ${p11}px; min-height: ${p28}px; font-weight: 500; }
QTableCornerButton::section { background: transparent; border: none; }
QMenu { background: $raised; border: 1px solid $line; border-radius: ${p6}px; padding: ${p4}px; }
QMenu::item { padding: ${p6}px ${p24}px ${p6}px ${p12}px; border-radius: ${p4}px; }
QMenu::item:selected { background: $accent; color: $on_accent; }
QMenu::item:disabled { color: $faint; }
QMenu::separator { height: 1px; background: $line; margin: ${p4}px ${p8}px; }
QTabBar::tab { background: transparent; color: $dim; padding: ${p4}px ${p8}px; border: none; }
QTabBar::tab:selected { color: $text; border-bottom: 2px solid $accent; }
QTabBar::tab:focus { color: $accent; }
QTabWidget::pane { border: none; }

QProgressBar { background: $raised; border: none; border-radius: ${p2}px; max-height: ${p4}px; min-height: ${p4}px; }
QProgressBar::chunk { background: $accent; border-radius: ${p2}px; }
QProgressBar[state="failed"]::chunk { background: $error; }
QProgressBar[state="paused"]::chunk { background: $warning; }
QProgressBar[state="finished"]::chunk { background: $ok; }
QSlider { background: transparent; min-height: ${p20}px; }
QSlider::groove:horizontal { height: ${p4}px; background: $line; border-radius: ${p2}px; }
QSlider::sub-page:horizontal { background: $accent; border-radius: ${p2}px; }
QSlider::handle:horizontal { background: $accent; width: ${p12}px; height: ${p12}px; margin: -${p4}px 0;
    border-radius: ${p6}px; }
QSlider::handle:horizontal:focus { background: $text; }
QSlider::sub-page:horizontal:disabled, QSlider::handle:horizontal:disabled { background: $line; }

QScrollArea, QScrollArea > QWidget > QWidget#scrolled { background: transparent; border: none; }
QScrollArea { border: 1px solid transparent; border-radius: ${p4}px; qproperty-focusPolicy: TabFocus; }
QScrollArea:focus { border-color: $accent; }
QScrollBar:vertical { background: transparent; width: ${p10}px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: ${p10}px; margin: 0; }
QScrollBar::handle { background: $handle; border-radius: ${p3}px; margin: ${p2}px; }
QScrollBar::handle:vertical { min-height: ${p32}px; } QScrollBar::handle:horizontal { min-width: ${p32}px; }
QScrollBar::handle:hover { background: $dim; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QAbstractScrollArea::corner { background: transparent; border: none; }
QSplitter::handle { background: transparent; }
QSplitter::handle:hover { background: $edge; }

#banner { background: $surface; border: 1px solid $line; border-radius: ${p8}px; border-left: ${p4}px solid $warning; }
#banner[severity="bug"], #banner[severity="input"] { border-left-color: $error; }
#banner[severity="info"] { border-left-color: $accent; }
#palette { background: $raised; border: 1px solid $edge; border-radius: ${p8}px; }
#palette QLineEdit { border: none; background: transparent; font-size: ${pt12}pt; min-height: ${p32}px;
    max-height: ${p32}px; }
#recipeCard { background: $surface; border: 1px solid $line; border-radius: ${p8}px; }
#recipeCard:hover { border-color: $edge; }
#log { background: transparent; border: 1px solid transparent; padding: 0; }
#log:focus { border-color: $accent; }
""")

_CHEVRON = "M2 4 L6 8 L10 4"
_TICK, _DASH = "M4.5 8.5 L7 11 L11.5 5.5", "M4.5 8 L11.5 8"
_UP, _DOWN = "M2 8 L6 4 L10 8", "M2 4 L6 8 L10 4"


def stylesheet(now: Tokens, scale: float = 1.0) -> str:
    """The whole style sheet for one theme at one scale."""
    colours = {
        "background": now.background, "surface": now.surface, "raised": now.raised, "line": now.line,
        "text": now.text, "dim": now.dim, "accent": now.accent, "on_accent": now.on_accent,
        "ok": now.ok, "warning": now.warning, "error": now.error,
        "hover": now.blend(now.raised, 0.6), "raised2": now.blend(now.text, 0.07, now.raised),
        "accent2": now.blend(now.text, 0.15, now.accent), "faint": now.blend(now.dim, 0.55),
        "field": now.blend(now.background, 0.5) if now.dark else now.surface,
        "edge": now.blend(now.dim, 0.5, now.line), "tint": now.blend(now.accent, 0.18),
        "handle": now.blend(now.dim, 0.35),
    }  # fmt: skip
    sizes = {
        f"p{n}": str(max(1, round(n * scale))) for n in (2, 3, 4, 6, 7, 8, 10, 11, 12, 16, 20, 24, 26, 28, 30, 32, 88)
    }
    points = {f"pt{n}": f"{n * scale:g}" for n in (9, 11, 12, 15)}
    return _SHEET.substitute(colours, **sizes, **points, **_pictures(now))


def _pictures(now: Tokens) -> dict[str, str]:
    """Arrows and switches as files: Qt's style sheets read pictures from paths only."""
    return {
        "chevron": _file(_stroke(_CHEVRON, now.dim)),
        "up": _file(_stroke(_UP, now.dim)),
        "down": _file(_stroke(_DOWN, now.dim)),
        "on": _file(_switch(now.accent, now.on_accent, right=True)),
        "unticked": _file(_box("none", now.blend(now.dim, 0.5, now.line))),
        "ticked": _file(_box(now.accent, now.accent, _TICK, now.on_accent)),
        "half": _file(_box("none", now.accent, _DASH, now.accent)),
        "off": _file(_switch(now.blend(now.dim, 0.5, now.line), now.surface, right=False)),
    }


def _stroke(path: str, colour: str) -> str:
    return _svg(12, 12, f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-linecap="round"/>')


def _switch(ground: str, knob: str, *, right: bool) -> str:
    x = 22 if right else 8
    return _svg(
        30, 16, f'<rect width="30" height="16" rx="8" fill="{ground}"/><circle cx="{x}" cy="8" r="6" fill="{knob}"/>'
    )


def _box(ground: str, edge: str, mark: str = "", colour: str = "none") -> str:
    frame = f'<rect x="1" y="1" width="14" height="14" rx="3" fill="{ground}" stroke="{edge}"/>'
    tick = f'<path d="{mark}" fill="none" stroke="{colour}" stroke-width="2"/>' if mark else ""
    return _svg(16, 16, frame + tick)


def _svg(width: int, height: int, body: str) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">{body}</svg>'


@functools.cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="workbench-look-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _file(svg: str) -> str:
    path = _folder() / f"{hashlib.sha256(svg.encode()).hexdigest()[:16]}.svg"
    if not path.exists():
        path.write_text(svg, "utf-8")
    return path.as_posix()
