"""Clips in a report: rows of frames, and a note where they are damaged."""

import base64
import io

import msgspec
import numpy as np
from PIL import Image

from tests.gui.views import movies
from workbench.core.documents import Item
from workbench.report.showing import _MAKERS, _judged, _piece


class Shown:
    """As much of a run as a piece of a report needs."""

    def __init__(self, folder):
        self.folder = type("Folder", (), {"path": folder})


def test_that_clips_are_shown_as_rows_of_frames_and_damage_is_a_note(tmp_path):
    artifact = movies.clips(tmp_path, 12, frames=20, size=16)
    kind, address, note = _MAKERS["clips"](tmp_path, artifact, False)
    assert kind == "picture" and note == "The first 8 of 12 clips."
    with Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))) as picture:
        shown = np.asarray(picture.convert("RGB"))
    assert (shown.max(-1) < 70).mean() > 0.3  # the frames' dark ground
    piece = _piece(Shown(tmp_path), msgspec.structs.replace(artifact, path="clips.maps.npy"), paper=False)
    assert piece.kind == "note" and "clips.maps.npy" in piece.note


def test_that_a_row_says_what_was_taken_for_what(tmp_path):
    told = [_judged(one) for one in (Item("", "a", "a", 0.5), Item("", "a", "b", 0.25), Item("", "a"), Item("x"))]
    assert told == ["a (0.50)", "a, taken for b (0.25)", "a", "x"]
