"""The map of voices: alike ones close, further ones beside those that they are like, files checked."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save_file

from workbench.core.problem import InputError
from workbench.engine.speech.voice_map import layout, learned_voices, placed


def clusters(each: int = 8, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around five directions, and which direction each is of."""
    draw = np.random.default_rng(seed)
    rows = np.repeat(draw.standard_normal((5, 16)), each, 0) + 0.15 * draw.standard_normal((5 * each, 16))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), np.repeat(np.arange(5), each)


def test_that_alike_voices_lie_close_and_a_further_one_among_its_like() -> None:
    vectors, whose = clusters()
    rest = np.ones(len(vectors), bool)
    rest[::8] = False
    places = layout(vectors[rest])
    assert places.shape == (35, 2) and np.abs(places).max() == pytest.approx(1)
    assert np.ptp(places[:, 0]) >= np.ptp(places[:, 1])
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    np.fill_diagonal(apart, np.inf)
    assert (whose[rest][apart.argmin(1)] == whose[rest]).all()
    for at in np.flatnonzero(~rest):
        where = placed(vectors[at], vectors[rest], places)
        assert whose[rest][np.linalg.norm(places - where, axis=1).argmin()] == whose[at]


def test_that_the_same_voices_have_the_same_map() -> None:
    vectors, _ = clusters()
    assert np.array_equal(layout(vectors), layout(vectors))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_that_few_voices_have_places_too(count: int) -> None:
    places = layout(clusters()[0][:: 40 // count][:count])
    assert places.shape == (count, 2) and np.isfinite(places).all()


def test_that_voices_that_do_not_fit_each_other_are_refused(tmp_path) -> None:
    path = tmp_path / "voices.safetensors"
    with pytest.raises(InputError, match="voices cannot be read"):
        learned_voices(path)
    save_file({"a": np.ones(3, np.float32), "b": np.ones(4, np.float32)}, path)
    with pytest.raises(InputError, match="voices cannot be read"):
        learned_voices(path)
    path.write_bytes(b"no tensors")
    with pytest.raises(InputError, match="voices cannot be read"):
        learned_voices(path)
    save_file({"a": np.ones(3, np.float32)}, path)
    assert list(learned_voices(path)) == ["a"]
