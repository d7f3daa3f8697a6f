"""Pictures of what light passes through: with what the fine one begins."""

from __future__ import annotations

from unittest.mock import MagicMock

from workbench.gui.scenes.rays import COARSE, FINE
from workbench.gui.scenes.veil import Veil


def test_that_the_fine_picture_never_begins_with_the_coarse_one_of_an_earlier_scene(monkeypatch):
    veil, drawn, target = Veil(MagicMock()), [], MagicMock(width=8, height=8)
    monkeypatch.setattr(veil, "_draw", lambda _target, _passed, items, pace, _part: drawn.append((items, pace)))
    veil.coarse(target, MagicMock(), ["former"])
    veil.advance(target, MagicMock(), ["former"], 0.0)
    assert drawn == [(["former"], COARSE), (["former"], FINE)]  # it is not drawn twice
    drawn.clear()
    veil.reset()  # another scene, nothing of which is ready when its picture is begun
    veil.advance(target, MagicMock(), ["new"], 0.0)
    assert drawn == [(["new"], COARSE), (["new"], FINE)]
