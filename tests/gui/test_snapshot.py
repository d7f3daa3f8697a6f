from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from tests.gui.runs import demo_recipe, write_run
from workbench.core.problem import InputError
from workbench.gui.snapshot import take
from workbench.gui.theme import DARK, LIGHT
from workbench.store.home import Home

KNOWN = {"demo-nlu": demo_recipe()}


def colours(image: QImage) -> int:
    """How many different colours stand on a coarse grid: a blank page has a handful."""
    spots = ((x, y) for x in range(0, image.width(), 7) for y in range(0, image.height(), 7))
    return len({image.pixel(x, y) for x, y in spots})


@pytest.mark.parametrize(("name", "tokens"), [("dark", DARK), ("light", LIGHT)])
def test_that_a_finished_run_is_drawn_without_a_display(home: Home, qtbot: QtBot, name: str, tokens: object) -> None:
    run = write_run(home.runs, steps=100, ended=True)
    out = take(home, "text", run, home.root / "pictures" / "text.png", theme_name=name, size=(1366, 768), known=KNOWN)
    image = QImage(str(out))
    assert (image.width(), image.height()) == (1366, 768)
    assert image.pixelColor(150, 760 // 2) in (QColor(tokens.background), QColor(tokens.surface))
    assert colours(image) > 100


def test_that_taking_a_picture_changes_nothing_that_is_remembered(home: Home, qtbot: QtBot, tmp_path: Path) -> None:
    home.window_state.write_text('{"page": "runs"}')
    take(home, "home", None, tmp_path / "home.png", known=KNOWN)
    assert home.window_state.read_text() == '{"page": "runs"}'
    assert list(home.runs.iterdir()) == []


def test_that_an_unknown_tab_is_explained(home: Home, qtbot: QtBot, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        take(home, "smell", None, tmp_path / "x.png", known=KNOWN)
    assert caught.value.received == "smell" and "text" in caught.value.expected
