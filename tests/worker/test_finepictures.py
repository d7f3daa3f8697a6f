"""Pictures by Open3D's off-screen renderer: true in colour and place where there is Vulkan, else what is lacking."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from workbench.core.finepictures import ABLE, PICTURE, FineThing, FineWish
from workbench.core.job import JobCancelled
from workbench.core.problem import InputError, KnownTrouble
from workbench.core.scenes import Viewpoint
from workbench.core.settings import Settings
from workbench.engine.scenes import vulkan
from workbench.engine.scenes.finedrawing import layers
from workbench.engine.scenes.fineshading import Laid, distances, dome, facing, lamp, sights
from workbench.store.home import Home
from workbench.worker.finepainter import Painter
from workbench.worker.inspectors import inspect
from workbench.worker.interactive import ApplyContext, WarmCache

FROM_ABOVE = (1.0, 0, 0, 0, 0, 1.0, 0, 0, 0, 0, 1.0, 4.0, 0, 0, 0, 1.0)
"""Four above the middle, looking down, with y up in the picture."""
VIEW = Viewpoint(FROM_ABOVE, height_deg=40.0)


@pytest.fixture
def painter() -> Iterator[Painter]:
    made = Painter()
    yield made
    made.end()


@pytest.fixture
def context(tmp_path: Path) -> Iterator[ApplyContext]:
    made = ApplyContext("cpu", Home(tmp_path), Settings(), WarmCache())
    yield made
    for one in made.cache.values():
        one.end()


def wish(*things: FineThing, view: Viewpoint = VIEW) -> FineWish:
    return FineWish(things, view, 65, 49, 1.0, 10.0)


def wall(folder: Path, name: str, *, z: float = 0.0, side: float = 1.0, **how: object) -> FineThing:
    """Two triangles that face the eye."""
    place = folder / name
    place.mkdir()
    corners = np.float32([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * np.float32(side) + np.float32([0, 0, z])
    np.save(place / "places.npy", corners)
    np.save(place / "faces.npy", np.uint32([[0, 1, 2], [0, 2, 3]]))
    np.save(place / "colours.npy", np.tile(np.uint8([[200, 100, 50]]), (4, 1)))
    np.save(place / "normals.npy", np.tile(np.float32([[0, 0, 1]]), (4, 1)))
    return msgspec.convert({"key": name, "folder": str(place), "kind": "mesh", **how}, FineThing)


def test_that_open3d_draws_what_is_sent_or_says_what_is_lacking(context: ApplyContext, tmp_path: Path) -> None:
    able = inspect(ABLE, {}, context)
    if not able.able:  # this machine has no Vulkan
        assert able.lacking and "libvulkan1" in able.fix and "mesa-vulkan-drivers" in able.fix
        return
    back, lit = wall(tmp_path, "back", z=-1.0, side=2.0), wall(tmp_path, "lit", light="lamp", ambient=0.28)
    clear = wall(tmp_path, "clear", z=1.0, side=0.3, opacity=0.5)
    found = inspect(PICTURE, msgspec.to_builtins(wish(back, lit)), context)
    rgba, depth = np.load(found.rgba), np.load(found.depth)
    assert np.allclose(rgba[24, 32], (200, 100, 50, 255), atol=2) and depth[24, 32] == pytest.approx(4.0, abs=0.01)
    assert depth[2, 32] == pytest.approx(5.0, abs=0.01)
    pid = context.cache["fine-painter",].pid
    orthographic = msgspec.structs.replace(VIEW, orthographic=True, height=3.0)
    found = inspect(PICTURE, msgspec.to_builtins(wish(lit, clear, view=orthographic)), context)
    rgba, depth = np.load(found.rgba), np.load(found.depth)
    assert np.allclose(rgba[24, 32], (200, 100, 50, 255), atol=3) and depth[24, 32] == pytest.approx(4.0, abs=0.01)
    assert np.isinf(depth[2, 32]) and not rgba[2, 32].any()
    assert context.cache["fine-painter",].pid == pid  # what was sent is kept
    (tmp_path / "back" / "places.npy").unlink()
    with pytest.raises(Exception, match="places"):
        inspect(PICTURE, msgspec.to_builtins(wish(msgspec.structs.replace(back, key="gone"))), context)
    assert context.cache["fine-painter",].pid == pid  # a file that is gone ends nothing


def test_that_a_process_that_ends_over_a_picture_is_told_of(painter: Painter, tmp_path: Path) -> None:
    def fall() -> None:
        os.kill(painter.pid, signal.SIGKILL)

    with pytest.raises(KnownTrouble, match="ended over the picture") as told:
        painter.draw(wish(), tmp_path, fall)
    assert "-9" in told.value.received
    ended = painter.able(fall)
    assert not ended.able and "-9" in ended.lacking


def test_that_an_abandoned_question_leaves_the_process_as_it_is(painter: Painter) -> None:
    def leave() -> None:
        raise JobCancelled

    with pytest.raises(JobCancelled):
        painter.able(leave)
    pid = painter.pid
    found = painter.able(lambda: None)
    assert pid and painter.pid == pid and (found.able or found.fix)


def test_that_a_picture_that_open3d_never_comes_back_from_is_refused(context: ApplyContext) -> None:
    large = msgspec.structs.replace(wish(), width=2562, height=1602)
    with pytest.raises(InputError, match="size"):
        inspect(PICTURE, msgspec.to_builtins(large), context)


def test_that_a_missing_library_is_named_with_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vulkan, "LIBRARY", "libnowhere.so.7")
    monkeypatch.setattr(vulkan.sys, "platform", "linux")
    found = vulkan.able()
    assert not found.able and "libnowhere.so.7" in found.lacking and "mesa-vulkan-drivers" in found.fix


def test_that_things_that_are_lit_alike_are_drawn_together_and_clear_ones_last() -> None:
    things = [FineThing("a", "", "mesh", opacity=0.5), FineThing("b", "", "mesh"), FineThing("c", "", "mesh"),
              FineThing("d", "", "points", light="eye-dome")]  # fmt: skip
    assert [[one.key for one in layer] for layer in layers(things)] == [["b", "c"], ["d"], ["a"]]


def test_that_a_lamp_at_the_eye_lights_by_the_angle_and_leaves_what_has_no_normals() -> None:
    coded = np.uint8([[[128, 128, 255], [255, 128, 128], [127, 127, 127]]])
    sight = np.tile(np.float32([0, 0, -1]), (1, 3, 1))
    found = lamp(np.full((1, 3, 3), 100, np.float32), facing(coded), sight, 0.28)
    assert np.allclose(found[0, :, 0], (100, 28, 100), atol=1)


def test_that_eye_dome_lighting_darkens_what_lies_behind_a_neighbour_alone() -> None:
    depth = np.full((9, 9), 4.0, np.float32)
    depth[4, 4], depth[0, 0] = 2.0, np.inf
    found = dome(np.full((9, 9, 3), 100, np.float32), depth, wish())[..., 0]
    assert found[4, 4] == 100 and found[4, 5] < 90 and found[8, 8] == 100 and found[0, 1] == 100


def test_that_what_is_clear_is_laid_over_and_lines_are_seen_through_it() -> None:
    laid = Laid(1, 2)
    colours = np.full((1, 2, 3), 200, np.float32)
    laid.lay(colours, np.float32([[5, np.inf]]), 1.0)
    laid.lay(np.zeros((1, 2, 3), np.float32), np.float32([[3, 3]]), 0.5)
    rgba, depth = laid.done()
    assert rgba[0, 0].tolist() == [100, 100, 100, 255] and rgba[0, 1].tolist() == [0, 0, 0, 128]
    assert depth.tolist() == [[5, 3]]


def test_that_depths_are_distances_in_both_kinds_of_view() -> None:
    raw = np.float32([[0.25, 1.0]])
    assert distances(raw, 2, 10, orthographic=True).tolist() == [[4.0, np.inf]]
    assert distances(np.float32([[4.0, np.inf]]), 2, 10, orthographic=False).tolist() == [[4.0, np.inf]]
    assert np.allclose(sights(wish())[24, 32], (0, 0, -1), atol=1e-6)
