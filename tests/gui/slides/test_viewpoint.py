"""Where a viewer looks, which tiles that needs, and what its scale bar says; and scores as GeoJSON."""

from __future__ import annotations

import json

import msgspec
import pytest

from workbench.core.slides import TILE_PX, HeatMap, geojson, heat_problem, slide_meta
from workbench.gui.slides import viewpoint as vp

SLIDE, VIEW = (100_000, 60_000), (1000, 700)


def test_that_what_is_under_the_pointer_stays_there_when_zooming():
    view = vp.Viewpoint(30_000, 20_000, 12.0)
    before = view.on_slide(210, 640, *VIEW)
    after = view.zoomed(0.3, 210, 640, *VIEW)
    assert after.scale == pytest.approx(3.6)
    assert after.on_slide(210, 640, *VIEW) == pytest.approx(before)
    assert after.on_screen(*before, *VIEW) == pytest.approx((210, 640))


def test_that_the_whole_slide_fits_and_one_cannot_get_lost():
    whole = vp.whole(SLIDE, VIEW)
    left, top = whole.on_screen(0, 0, *VIEW)
    right, bottom = whole.on_screen(*SLIDE, *VIEW)
    assert left > 0 and top > 0 and right < VIEW[0] and bottom < VIEW[1]
    lost = vp.Viewpoint(-9e9, 9e9, 1e9).kept(SLIDE, VIEW)
    assert (lost.x, lost.y) == (0, 60_000) and lost.scale == pytest.approx(2 * whole.scale)
    assert vp.Viewpoint(0, 0, 1e-9).kept(SLIDE, VIEW).scale == vp.ENLARGED


def test_that_the_zoom_is_as_coarse_as_the_screen_allows():
    assert [vp.zoom_for(scale, 6) for scale in (0.2, 1.0, 1.9, 2.0, 7.9, 8.0, 999.0)] == [0, 0, 0, 1, 2, 3, 6]


def test_that_tiles_cover_the_box_the_middle_first_and_stay_on_the_slide():
    box = (1000.0, 1000.0, 3000.0, 2500.0)
    keys = vp.tiles_in(box, SLIDE, 0)
    assert {key[1] for key in keys} == {1, 2, 3, 4, 5} and {key[2] for key in keys} == {1, 2, 3, 4}
    assert keys[0][1:] in {(3, 2), (3, 3)}
    covered = [vp.tile_box(key, SLIDE) for key in keys]
    assert min(x for x, *_ in covered) <= 1000 and max(x + w for x, _, w, _ in covered) >= 3000
    edge = vp.tiles_in((99_000, 59_000, 120_000, 90_000), SLIDE, 3)
    assert max(key[1] for key in edge) == (SLIDE[0] - 1) // (TILE_PX * 8)
    left, _, width, _ = vp.tile_box((3, max(key[1] for key in edge), 0), SLIDE)
    assert left + width >= SLIDE[0] and width < TILE_PX * 8
    assert vp.tiles_in((-500, -500, -100, -100), SLIDE, 0) == []
    assert vp.tiles_in((0, 0, *map(float, SLIDE)), SLIDE, 0) == []  # more than any screen holds


@pytest.mark.parametrize(("scale", "mpp", "words"), [
    (1.0, 0.25, "20 µm"), (40.0, 0.25, "1 mm"), (400.0, 0.5, "20 mm"), (0.125, 0.25, "2 µm"), (1.0, None, "100 px"),
])  # fmt: skip
def test_that_the_scale_bar_is_a_round_length_of_its_true_size(scale, mpp, words):
    length, said = vp.scale_bar(scale, mpp, 140)
    assert said == words and 140 / 2.6 < length <= 140
    value, unit = said.split()
    in_um = float(value) * {"µm": 1, "mm": 1000, "px": 1}[unit]
    assert length * scale * (mpp or 1) == pytest.approx(in_um)


def test_that_magnification_is_told_as_a_microscopes_only_where_the_resolution_is_known():
    assert vp.magnification_words(1.0, 0.25) == "40×" and vp.magnification_words(4.0, 0.25) == "10×"
    assert vp.magnification_words(2.0, None) == "50 %"


def test_that_scores_become_polygons_with_measurements():
    heat = HeatMap(((0, 0), (512, 1024)), 512, {"tumour": (0.25, 1.0), "attention": (0.5, 0.0)})
    told = json.loads(geojson(heat, ["tumour"]))
    assert told["type"] == "FeatureCollection" and len(told["features"]) == 2
    second = told["features"][1]
    ring = second["geometry"]["coordinates"][0]
    assert second["geometry"]["type"] == "Polygon" and ring[0] == ring[-1] == [512, 1024] and [1024, 1536] in ring
    assert second["properties"]["measurements"] == {"tumour": 1.0}


def test_that_scores_that_do_not_fit_are_found():
    assert heat_problem(HeatMap(((0, 0),), 512, {"a": (0.5,)})) == ""
    assert "2 scores" in heat_problem(HeatMap(((0, 0),), 512, {"a": (0.5, 0.5)}))
    assert "outside" in heat_problem(HeatMap(((0, 0),), 512, {"a": (1.5,)}))
    assert "outside" in heat_problem(HeatMap(((0, 0),), 512, {"a": (float("nan"),)}))
    assert "tile_px" in heat_problem(HeatMap(((0, 0),), 0, {"a": (0.5,)}))
    assert slide_meta({"mpp": 0.5}).heat is None
    with pytest.raises(msgspec.ValidationError):
        slide_meta({"mpp": "half"})
