"""Generated histology: the same by seed, told apart by texture and not by colour, tumour as large as it says."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from workbench.engine.medical.phantoms import histology, histoslides
from workbench.engine.medical.phantoms.histology import CENTRES, TISSUES, TUMOUR
from workbench.recipes.medical.uni_pathology.handmade import colour_histograms, described

Part = tuple[np.ndarray, np.ndarray]


def _part(stream: str, centre: str, slides: int, each: int) -> Part:
    pictures, labels = [], []
    for slide in range(slides):
        style = histology.style_of(histology.chance_of(91, stream, slide), centre)
        for kind in range(len(TISSUES)):
            for number in range(each):
                pictures.append(histology.tile(kind, 64, style, histology.chance_of(91, stream, slide, kind, number)))
                labels.append(kind)
    return np.stack(pictures), np.array(labels)


@pytest.fixture(scope="module")
def parts() -> tuple[Part, Part]:
    """Tiles to learn from and others to be named, both of centre A, of slides apart."""
    return _part("labelled", "A", 10, 3), _part("validation", "A", 6, 3)


def _share_named(parts: tuple[Part, Part], features: np.ndarray, others: np.ndarray) -> float:
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(features, parts[0][1])
    return float(probe.score(others, parts[1][1]))


def test_that_colour_histograms_name_fewer_than_35_percent_of_nine_tissues(parts: tuple[Part, Part]) -> None:
    learned, named = (colour_histograms(one) for one, _ in parts)
    assert _share_named(parts, learned, named) < 0.35


def test_that_texture_tells_the_tissues_apart(parts: tuple[Part, Part]) -> None:
    learned, named = (described(one) for one, _ in parts)
    assert _share_named(parts, learned, named) > 0.7


def test_that_tissues_have_the_same_mean_optical_density(parts: tuple[Part, Part]) -> None:
    pictures, labels = parts[0]
    density = -np.log10(np.maximum(pictures.astype(float), 1) / 255).mean((1, 2))
    means = np.stack([density[labels == one].mean(0) for one in range(len(TISSUES))])
    assert np.ptp(means, axis=0).max() < 0.1 * means.mean()


@pytest.mark.parametrize("centre", CENTRES)
def test_that_a_tile_follows_its_seed(centre: str) -> None:
    def one(seed: int) -> np.ndarray:
        style = histology.style_of(histology.chance_of(seed, "labelled", 0), centre)
        return histology.tile(TUMOUR, 64, style, histology.chance_of(seed, "labelled", 0, 1))

    assert one(5).shape == (64, 64, 3)
    assert np.array_equal(one(5), one(5))
    assert not np.array_equal(one(5), one(6))


def test_that_light_passes_as_beer_and_lambert_say() -> None:
    style = histology.style_of(histology.chance_of(3, "law"), "A")
    flat = np.full((64, 64), 0.4, np.float32)
    none = np.zeros_like(flat)
    chance = histology.chance_of(3, "noise")
    once, twice = (histology.scanned(flat * times, none, style, chance).mean((0, 1)) for times in (1, 2))
    lamp = 255 * style.lamp
    assert twice / lamp == pytest.approx((once / lamp) ** 2, abs=0.02)
    assert once == pytest.approx(lamp * 10 ** (-0.4 * style.stains[0]), abs=2)


def test_that_centre_b_stains_otherwise_and_shows_smaller_structures() -> None:
    a, b = (histology.style_of(histology.chance_of(1, "centre"), one) for one in CENTRES)
    assert np.abs(a.stains - b.stains).max() > 0.1
    assert b.scale < a.scale
    assert b.blur > a.blur


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_that_every_second_slide_holds_tumour_over_2_to_20_percent_of_its_tissue(number: int) -> None:
    slide = histoslides.make_slide(91, "bags", number, centre="A", size=256)
    again = histoslides.make_slide(91, "bags", number, centre="A", size=256)
    assert np.array_equal(slide.rgb, again.rgb)
    assert slide.has_tumour == bool(number % 2)
    assert 0.4 < slide.tissue.mean() < 0.95
    assert not (slide.tumour & ~slide.tissue).any()
    if slide.has_tumour:
        assert 0.015 < slide.tumour.sum() / slide.tissue.sum() < 0.21
    grey = slide.rgb.std(-1)
    assert grey[~slide.tissue].mean() < grey[slide.tissue].mean() / 2
