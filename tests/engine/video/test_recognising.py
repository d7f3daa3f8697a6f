"""Windows scored, frames that are lost, looks, and features kept; colours stand for what a model would know."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.engine.video.colourfilms import Colours, colour_film
from tests.engine.video.films import changing
from workbench.core.problem import InputError
from workbench.core.recognising import windows_of
from workbench.engine.video import imagelanguage, retrieval
from workbench.engine.video.framereading import FilmFrames, centred, filled, sampled_s
from workbench.engine.video.recognising import ZeroShot, image_vectors, scored, text_vectors
from workbench.engine.video.saliency import crop_box, look, on_patches, relevance, rolled_out

PARTS = (("red", 20), ("blue", 10), ("green", 10))


@pytest.fixture(scope="module")
def film_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return colour_film(tmp_path_factory.mktemp("films") / "colours.mp4", PARTS)


@pytest.fixture(scope="module")
def model() -> imagelanguage.ImageLanguage:
    """Small, with random weights of one seed."""
    return imagelanguage.build(width=32, layers=2, heads=2, seed=91).eval()


def likeliest(found: Sequence[np.ndarray]) -> list[str]:
    return [Colours.classes[int(row.argmax())] for row in found]


def test_that_every_window_gets_its_score_and_says_what_is_seen_then(film_path: Path) -> None:
    film, colours = FilmFrames(film_path, 16), Colours()
    windows = windows_of(film.index.duration_s, 1.0, 1.0)
    batches = list(scored(film, colours, windows, at_once=3))
    assert [one.seen for one in batches] == [3, 1] and not any(one.lost for one in batches)
    assert likeliest([row for one in batches for row in one.scores]) == ["red", "red", "blue", "green"]
    assert all(one.decode_s > 0 for one in batches)
    assert colours.asked[0] == (3, 4, 16, 21, 3)
    film.close()


def test_that_one_frame_and_a_video_shorter_than_a_window_are_one_window(tmp_path: Path) -> None:
    for frames in (1, 3):
        film = FilmFrames(colour_film(tmp_path / f"{frames}.avi", [("green", frames)]), 16)
        windows = windows_of(film.index.duration_s, 1.0, 0.5)
        (batch,) = scored(film, Colours(), windows)
        assert len(windows) == 1 and likeliest(list(batch.scores)) == ["green"]
        film.close()


def test_that_a_video_whose_frames_change_their_size_is_scored_to_its_end(tmp_path: Path) -> None:
    frames = FilmFrames(changing(tmp_path / "whole.ts", [(96, 64), (64, 96)]), 16)
    assert len(frames.index) == 24
    windows = windows_of(frames.index.duration_s, 0.4, 0.4)
    batches = list(scored(frames, Colours(), windows))
    assert sum(len(one.scores) for one in batches) == len(windows) and frames.lost == 0
    assert {frames.frame(number).shape for number in (0, len(frames.index) - 1)} == {(16, 24, 3)}
    frames.close()


def test_that_a_file_that_breaks_in_the_middle_loses_those_windows_and_no_others(tmp_path: Path) -> None:
    path = colour_film(tmp_path / "whole.avi", PARTS)
    bits = bytearray(path.read_bytes())
    places = [at for at in range(len(bits)) if bits[at : at + 4] == b"\x89PNG"]
    for at in places[14:22]:
        bits[at + 8 : at + 24] = bytes(16)
    broken = tmp_path / "broken.avi"
    broken.write_bytes(bits)
    film = FilmFrames(broken, 16)
    windows = windows_of(film.index.duration_s, 0.3, 0.3)
    batches = list(scored(film, Colours(), windows))
    lost, kept = sum(one.lost for one in batches), [row for one in batches for row in one.scores]
    assert film.lost > 0 and lost + len(kept) == len(windows) and len(kept) > len(windows) // 2
    assert likeliest(kept)[0] == "red"
    film.close()


def test_that_a_lost_frame_is_the_nearest_other_one_and_all_lost_are_none() -> None:
    one, two = np.zeros((2, 2, 3), np.uint8), np.ones((2, 2, 3), np.uint8)
    found = filled([None, one, None, None, two])
    assert found is not None and found[:, 0, 0, 0].tolist() == [0, 0, 0, 1, 1]
    assert filled([None, None]) is None
    assert sampled_s((1.0, 2.0), 4) == [1.125, 1.375, 1.625, 1.875]
    assert centred(np.zeros((3, 4, 10, 3), np.uint8)).shape == (3, 4, 4, 3)


def test_that_frames_which_windows_share_are_encoded_once(film_path: Path, model, monkeypatch) -> None:
    film, zero = FilmFrames(film_path, model.image_px), ZeroShot(model, ["red", "blue"], frames=4)
    seen: list[int] = []
    encode = zero.vectors
    monkeypatch.setattr(zero, "vectors", lambda frames: (seen.append(len(frames)), encode(frames))[1])
    windows = windows_of(film.index.duration_s, 1.0, 0.25)
    rows = np.concatenate([one.scores for one in scored(film, zero, windows, at_once=2)])
    assert rows.shape == (len(windows), 2) and np.allclose(rows.sum(1), 1, atol=1e-5)
    assert sum(seen) <= 17 < 4 * len(windows)
    clip = np.stack([film.frame(film.number_at(moment)) for moment in sampled_s(windows[3], 4)])
    assert np.allclose(rows[3], zero.scores(clip[None])[0], atol=1e-5)
    film.close()


def test_that_templates_are_averaged_and_a_single_class_has_something_to_be_weighed_against(model) -> None:
    alone = text_vectors(model, ["a red circle"], ("{}",))
    both = text_vectors(model, ["a red circle"], ("{}", "a video of {}"))
    assert torch.allclose(both.norm(dim=-1), torch.ones(1), atol=1e-5) and not torch.allclose(alone, both)
    frames = np.random.default_rng(93).integers(0, 255, (2, 3, 32, 40, 3), dtype=np.uint8)
    one = ZeroShot(model, ["a red circle"]).scores(frames)
    assert one.shape == (2, 1) and np.all(one > 0) and np.all(one < 1)
    many = ZeroShot(model, [f"class {at}" for at in range(40)]).scores(frames)
    assert many.shape == (2, 40) and np.allclose(many.sum(1), 1, atol=1e-4)


def test_that_attention_is_followed_through_the_layers_as_the_papers_say() -> None:
    torch.manual_seed(94)
    layers = [torch.rand(1, 2, 5, 5).softmax(-1) for _ in range(3)]
    whole = rolled_out([one.mean(1) for one in layers])
    by_hand = torch.eye(5)
    for one in layers:
        by_hand = (0.5 * one[0].mean(0) + 0.5 * torch.eye(5)) @ by_hand
    assert torch.allclose(whole[0], by_hand, atol=1e-6)
    assert torch.allclose(whole.sum(-1), torch.ones(1, 5), atol=1e-5)
    against = [-torch.ones_like(one) for one in layers]
    assert torch.equal(relevance(layers, against), torch.zeros(1, 5, 5))
    single = relevance(layers[:1], [torch.ones_like(layers[0])])
    assert torch.allclose(single[0], layers[0][0].mean(0), atol=1e-6)


def test_that_a_look_depends_on_the_class_and_lies_over_what_the_model_sees(model) -> None:
    frame = np.random.default_rng(95).integers(0, 255, (24, 48, 3), dtype=np.uint8)
    zero = ZeroShot(model, ["a red circle", "a blue square"])
    anything, first, second = (look(zero, frame, label) for label in (None, 0, 1))
    for one in (anything, first, second):
        assert one.values.shape == (4, 4) and one.values.min() == 0 and one.values.max() == pytest.approx(1)
        assert one.box == (0.25, 0.0, 0.75, 1.0)
    assert not np.allclose(first.values, second.values) and not np.allclose(first.values, anything.values)
    assert crop_box(10, 10) == (0, 0, 1, 1)
    without = on_patches(torch.arange(16.0).reshape(4, 4), 2, 2)
    assert without.tolist() == [[0, pytest.approx(1 / 3)], [pytest.approx(2 / 3), 1]]


# Features


def keyed(frames: np.ndarray) -> np.ndarray:
    """Which colour a frame has, as a vector of length 1."""
    mean = frames.reshape(len(frames), -1, 3).mean(1) - 20
    return (mean / np.linalg.norm(mean, axis=1, keepdims=True)).astype(np.float32)


def test_that_features_are_kept_by_content_and_go_on_where_they_were_interrupted(
    tmp_path, film_path, monkeypatch
) -> None:
    monkeypatch.setattr(retrieval, "PART_S", 1.0)
    vault = retrieval.Vault(tmp_path / "cache", "m", 5.0)
    content = retrieval.content_key(film_path, tmp_path / "keys")
    film = FilmFrames(film_path, 16)
    counted: list[int] = []

    def encode(frames: np.ndarray) -> np.ndarray:
        counted.append(len(frames))
        return keyed(frames)

    class Interrupted(Exception):
        pass

    def stop(share: float, made: int) -> bool:
        if share > 0.4:
            raise Interrupted
        return False

    with pytest.raises(Interrupted):
        retrieval.extract(film, content, vault, encode, dim=3, told=stop)
    assert vault.vectors(content) is None and sum(counted) == 10
    told: list[int] = []

    def enough(share: float, made: int) -> bool:
        told.append(made)
        return made > 0

    assert not retrieval.extract(film, content, vault, encode, dim=3, told=enough) and sum(counted) == 15
    assert vault.vectors(content) is None and sum(told) == 5
    assert retrieval.extract(film, content, vault, encode, dim=3) and sum(counted) == 20
    rows = vault.vectors(content)
    assert rows is not None and rows.shape == (20, 3) and rows[:10, 0].min() > 0.9 and rows[16:, 1].min() > 0.9
    assert retrieval.extract(film, content, vault, encode, dim=3) and sum(counted) == 20
    copied = tmp_path / "another name.mp4"
    copied.write_bytes(film_path.read_bytes())
    assert retrieval.content_key(copied, tmp_path / "keys") == content
    assert retrieval.Vault(tmp_path / "cache", "other", 5.0).vectors(content) is None
    assert retrieval.Vault(tmp_path / "cache", "m", 4.0).vectors(content) is None
    film.close()


def test_that_damaged_features_are_made_again(tmp_path, film_path) -> None:
    vault = retrieval.Vault(tmp_path, "m", 2.0)
    film = FilmFrames(film_path, 16)
    retrieval.extract(film, "c", vault, keyed, dim=3)
    vault.part("c", 0).write_bytes(b"\x93NUMPY torn")
    assert vault.vectors("c") is None
    film.close()


def test_that_videos_are_ranked_by_their_best_moment(tmp_path, film_path) -> None:
    film = FilmFrames(film_path, 16)
    vault = retrieval.Vault(tmp_path, "m", 2.0)
    retrieval.extract(film, "c", vault, keyed, dim=3)
    rows = vault.vectors("c")
    assert rows is not None
    lost = np.full((4, 3), np.nan, np.float32)
    only_red = np.tile(np.array([[1, 0, 0]], np.float32), (6, 1))
    gallery = retrieval.Gallery.of([(Path("red"), only_red), (film_path, rows), (Path("lost"), lost)], 2.0)
    hits = gallery.ranked(np.array([0, 0, 1], np.float32), 10)
    assert hits[0][0] == film_path and 2.0 <= hits[0][1] < 3.0 and hits[0][2] > 0.9
    assert hits[-1][0] == Path("red") or hits[-1][2] <= 0
    assert len(gallery.ranked(np.array([1, 0, 0], np.float32), 1)) == 1
    film.close()


def test_that_folders_without_videos_and_rates_that_cannot_be_are_refused(tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("no video")
    for folder, what in ((tmp_path, "no video"), (tmp_path / "away", "no such folder")):
        with pytest.raises(InputError, match=what):
            retrieval.videos_below(folder)
    with pytest.raises(InputError) as refused:
        retrieval.Vault(tmp_path, "m", 0.0)
    assert refused.value.field == "rate_per_s"


def test_that_image_vectors_have_length_one_and_do_not_depend_on_the_company(model) -> None:
    frames = np.random.default_rng(96).integers(0, 255, (5, 20, 30, 3), dtype=np.uint8)
    whole, parts = image_vectors(model, frames), image_vectors(model, frames, at_once=2)
    assert whole.shape == (5, model.dim) and np.allclose(np.linalg.norm(whole, axis=1), 1, atol=1e-5)
    assert np.allclose(whole, parts, atol=1e-5)
