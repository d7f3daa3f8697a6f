"""Questions about what happens in videos, answered in this process: generated films and the shipped model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.engine.video.colourfilms import colour_film
from workbench.core.documents import Answer, AnswersDoc
from workbench.core.filmwriter import VideoWriter
from workbench.core.job import JobCancelled
from workbench.core.problem import InputError
from workbench.core.recognising import (
    Captioned,
    FeaturesDone,
    Found,
    LiveAnswer,
    Recognised,
    RecogniserFacts,
    Saliency,
)
from workbench.core.settings import Settings
from workbench.core.videorecognisers import SHIPPED_NAME, SHIPPED_NOTE
from workbench.engine.video.framereading import FilmFrames
from workbench.engine.video.motions import clips
from workbench.store.framering import RingWriter
from workbench.store.home import Home
from workbench.worker import videomodel
from workbench.worker.inspectors import inspect
from workbench.worker.interactive import ApplyContext, WarmCache

CLASSES = ("a red circle", "a blue square", "a green triangle")
SECONDS, RATE = 2, 8


@pytest.fixture(scope="module")
def sprites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: `ab.mp4` a red circle for two seconds, then a blue square; `c.mp4` a green triangle."""
    folder = tmp_path_factory.mktemp("sprites")
    for name, parts in {"ab": ("red circle", "blue square"), "c": ("green triangle",)}.items():
        with VideoWriter(folder / f"{name}.mp4", width=64, height=64, frames_per_s=RATE) as writer:
            for at, part in enumerate(parts):
                colour, shape = part.split()
                drawn = clips(1, 97 + at, frames=SECONDS * RATE, size=64, motions=("moves right",), shapes=(shape,),
                              colours=(colour,), noise=0.0)  # fmt: skip
                for frame in drawn.frames[0]:
                    writer.write(frame.tobytes(), writer.frames / RATE)
    return folder


@pytest.fixture(scope="module")
def warm() -> WarmCache:
    """Models are loaded once for this file."""
    return WarmCache()


class Asked:
    """Asks in this process; what is told on the way is kept."""

    def __init__(self, home: Home, cache: WarmCache) -> None:
        self.told: list[tuple[float, str, Any]] = []
        self.cancelled = False
        self.context = ApplyContext("cpu", home, Settings(), cache, lambda: self.cancelled,
                                    lambda *news: self.told.append(news))  # fmt: skip

    def __call__(self, what: str, **arguments: Any) -> Any:
        return inspect(f"video-{what}", arguments, self.context)


@pytest.fixture
def ask(home: Home, warm: WarmCache) -> Iterator[Asked]:
    yield Asked(home, warm)
    for one in warm.values():
        if isinstance(one, FilmFrames):
            one.close()


def best(found: Recognised) -> list[str]:
    return [found.classes[int(np.argmax(row))] for row in found.scores]


def test_that_the_shipped_model_says_what_is_seen_when_in_a_film_of_sprites(ask: Asked, sprites: Path) -> None:
    found: Recognised = ask("recognise", path=str(sprites / "ab.mp4"), model=SHIPPED_NAME, classes=CLASSES,
                            window_s=1.0, stride_s=1.0)  # fmt: skip
    assert found.complete and best(found) == [CLASSES[0], CLASSES[0], CLASSES[1], CLASSES[1]]
    assert found.decode_ms > 0 and found.inference_ms > 0 and SHIPPED_NOTE.removesuffix(".") in found.notes
    assert all(abs(sum(row) - 1) < 1e-3 for row in found.scores)


def test_that_a_budget_ends_a_question_and_the_next_one_goes_on(ask: Asked, sprites: Path) -> None:
    wish = {"path": str(sprites / "ab.mp4"), "model": SHIPPED_NAME, "classes": CLASSES, "stride_s": 0.1}
    whole = ask("recognise", **wish)
    first = ask("recognise", budget_s=1e-9, **wish)
    assert 0 < first.reached < first.total == whole.total and first.scores == whole.scores[: first.reached]
    rest = ask("recognise", first=first.reached, **wish)
    assert rest.complete and np.allclose(rest.scores, whole.scores[first.reached :], atol=2e-4)
    partial = [news for _, _, news in ask.told if bytes(news) != b"null"]
    assert partial and max(fraction for fraction, _, _ in ask.told) == 1


def test_that_whoever_waits_no_longer_ends_the_work(ask: Asked, sprites: Path) -> None:
    ask.cancelled = True
    with pytest.raises(JobCancelled):
        ask("recognise", path=str(sprites / "ab.mp4"), model=SHIPPED_NAME, classes=CLASSES)


def test_that_odd_lists_of_classes_and_short_videos_are_answered_or_told(ask: Asked, sprites: Path, tmp_path) -> None:
    path = str(sprites / "c.mp4")
    one = ask("recognise", path=path, model=SHIPPED_NAME, classes=["a green triangle"])
    assert all(0 < row[0] <= 1 for row in one.scores) and any("single class" in note for note in one.notes)
    many = ask("recognise", path=path, model=SHIPPED_NAME, classes=[f"thing {at}" for at in range(500)], stride_s=2.0)
    assert len(many.classes) == 500 and all(len(row) == 500 for row in many.scores)
    for classes in ((), ("  ",)):
        with pytest.raises(InputError) as refused:
            ask("recognise", path=path, model=SHIPPED_NAME, classes=classes)
        assert refused.value.field == "classes"
    still = colour_film(tmp_path / "one.avi", [("red", 1)])
    found = ask("recognise", path=str(still), model=SHIPPED_NAME, classes=CLASSES)
    assert len(found.windows) == 1 and any("one frame" in note for note in found.notes)
    short = ask("recognise", path=path, model=SHIPPED_NAME, classes=CLASSES, window_s=30.0)
    assert len(short.windows) == 1 and any("shorter than a window" in note for note in short.notes)


def test_that_answers_say_what_the_file_says_of_itself(ask: Asked, tmp_path: Path) -> None:
    deep = str(colour_film(tmp_path / "deep.mp4", [("red", 8)], bits=10))
    note = "10 bits a channel, shown as 8"
    assert note in ask("recognise", path=deep, model=SHIPPED_NAME, classes=CLASSES).notes
    assert note in ask("captions", path=deep, model=SHIPPED_NAME, captions=CLASSES).notes


@pytest.mark.parametrize(("path", "model", "field"), [("away.mp4", SHIPPED_NAME, "path"), ("c.mp4", ".", "--model")])
def test_that_missing_videos_and_folders_of_other_things_are_told(
    ask: Asked, sprites: Path, path: str, model: str, field: str
) -> None:
    model = str(sprites) if model == "." else model
    with pytest.raises(InputError) as refused:
        ask("recognise", path=str(sprites / path), model=model, classes=CLASSES)
    assert refused.value.field == field and refused.value.fix


def test_that_a_camera_s_last_frames_are_named_and_looked_at(ask: Asked, tmp_path: Path) -> None:
    ring = RingWriter(tmp_path / "ring", 24, 32, 32)
    wish = {"ring": str(tmp_path / "ring"), "model": SHIPPED_NAME, "classes": CLASSES}
    assert ask("live", **wish).scores == []
    for colour, shape, which in (("blue", "square", 1), ("red", "circle", 0)):
        drawn = clips(1, 98, frames=12, motions=("grows",), shapes=(shape,), colours=(colour,), noise=0.0)
        for at, frame in enumerate(drawn.frames[0]):
            ring.put(frame, 10 * (1 - which) + at / 10)
        found: LiveAnswer = ask("live", saliency=True, **wish)
        assert int(np.argmax(found.scores)) == which and found.sequence == ring.sequence
        assert found.saliency is not None and max(found.saliency.values) == 1
        assert CLASSES[which] in found.saliency.what
    for window_s in (0.0, float("nan")):
        with pytest.raises(InputError):
            ask("live", window_s=window_s, **wish)


def test_that_what_speaks_for_a_class_lies_where_its_sprite_is(ask: Asked, tmp_path: Path) -> None:
    """Of two sprites, the one that is asked for has more of the map on its half."""
    path, left = tmp_path / "two.mp4", []
    with VideoWriter(path, width=64, height=64, frames_per_s=RATE) as writer:
        canvas = np.full((64, 64, 3), 40, np.uint8)
        canvas[24:40, 8:24], canvas[24:40, 40:56] = (235, 46, 41), (56, 97, 250)
        for _ in range(4):
            writer.write(canvas.tobytes(), writer.frames / RATE)
    for label in ("a red square", "a blue square"):
        found: Saliency = ask("saliency", path=str(path), model=SHIPPED_NAME, time_s=0.1,
                              classes=("a red square", "a blue square"), label=label)  # fmt: skip
        grid = np.array(found.values).reshape(found.rows, found.columns)
        left.append(grid[:, : found.columns // 2].sum() / grid.sum())
    assert left[0] > left[1]
    anywhere: Saliency = ask("saliency", path=str(path), model=SHIPPED_NAME, time_s=0.1)
    assert anywhere.what == "attention"
    with pytest.raises(InputError):
        ask("saliency", path=str(path), model=SHIPPED_NAME, time_s=0.1, classes=("a",), label="b")


def test_that_a_folder_is_looked_through_once_and_found_in_by_words(ask: Asked, sprites: Path, tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    (folder / "deeper").mkdir(parents=True)
    for name in ("ab", "c"):
        (folder / "deeper" / f"{name}.mp4").write_bytes((sprites / f"{name}.mp4").read_bytes())
    (folder / "broken.mp4").write_bytes((sprites / "c.mp4").read_bytes()[:200])
    wish = {"folder": str(folder), "model": SHIPPED_NAME}
    part: FeaturesDone = ask("features", budget_s=1e-9, **wish)
    assert not part.complete and part.made > 0
    done: FeaturesDone = ask("features", **wish)
    assert done.complete and (done.videos, done.ready, done.features) == (3, 2, 8 + 4)
    assert [Path(one.path).name for one in done.failed] == ["broken.mp4"] and done.failed[0].why
    (folder / "deeper" / "c.mp4").rename(folder / "renamed.mp4")
    again: FeaturesDone = ask("features", **wish)
    assert again.made == 0 and again.ready == 2 and len(again.failed) == 1

    found: Found = ask("find", text="a blue square", **wish)
    assert (found.videos, found.features, found.missing) == (2, 12, 1)
    assert Path(found.hits[0].path).name == "ab.mp4" and 2.0 <= found.hits[0].time_s < 4.0
    assert Path(ask("find", text="a green triangle", **wish).hits[0].path).name == "renamed.mp4"
    captions: Captioned = ask("captions", path=str(folder / "renamed.mp4"), model=SHIPPED_NAME, captions=CLASSES)
    assert captions.captions[0][0] == "a green triangle" and captions.frames == 4
    with pytest.raises(InputError) as refused:
        ask("find", text="  ", **wish)
    assert refused.value.field == "text"


def test_that_a_folder_without_videos_and_a_model_without_words_are_refused(ask: Asked, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no video in this folder"):
        ask("features", folder=str(tmp_path), model=SHIPPED_NAME)
    own = RecogniserFacts(str(tmp_path), "Mine", "run", recipe="r")
    with pytest.raises(InputError, match="does not take words"):
        videomodel.model_of(own, "", ask.context)


def test_that_a_model_of_a_recipe_is_asked_through_its_apply(
    ask: Asked, sprites: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which half of the clip's middle frame is brighter: an apply() whose answers are known."""
    folder = home.runs / "2026-01-01-halves" / "model"
    folder.mkdir(parents=True)
    (folder / "workbench.json").write_text('{"config": {"recipe": "halves"}, "knobs": {"frames": 5}}')
    shapes = []

    def apply(context: Any, model: Path, inputs: dict[str, Any]) -> AnswersDoc:
        clip = np.load(inputs["clip"])
        shapes.append(clip.shape)
        assert model == folder
        context.progress(1, 2)  # is not the progress of the question
        left, right = (float(half.mean()) for half in np.array_split(clip[2], 2, axis=1))
        share = left / max(left + right, 1)
        return AnswersDoc([Answer("halves", "", [("left", share), ("right", 1 - share)])])

    monkeypatch.setattr(videomodel, "recipe", lambda name: SimpleNamespace(id=name, apply=apply))
    monkeypatch.setattr(videomodel, "classifying", lambda recipes: {"halves"})
    found: Recognised = ask("recognise", path=str(sprites / "c.mp4"), model="2026-01-01-halves")
    assert found.complete and found.classes == ("left", "right") and shapes[0][0] == 5 and shapes[0][3] == 3
    assert all(fraction != 0.5 for fraction, _, _ in ask.told)
    assert all(abs(sum(row) - 1) < 1e-3 for row in found.scores)


def test_that_a_video_transformer_s_folder_names_windows_by_its_own_labels(
    ask: Asked, sprites: Path, tmp_path: Path
) -> None:
    import torch
    from transformers import VideoMAEConfig, VideoMAEForVideoClassification

    torch.manual_seed(99)
    config = VideoMAEConfig(
        image_size=32, patch_size=8, num_frames=4, tubelet_size=2, hidden_size=16, num_hidden_layers=1,
        num_attention_heads=2, intermediate_size=32, id2label={0: "up", 1: "down", 2: "still"},
        label2id={"up": 0, "down": 1, "still": 2},
    )  # fmt: skip
    VideoMAEForVideoClassification(config).save_pretrained(tmp_path / "mae")
    found: Recognised = ask("recognise", path=str(sprites / "c.mp4"), model=str(tmp_path / "mae"))
    assert found.complete and found.classes == ("up", "down", "still")
    assert all(abs(sum(row) - 1) < 1e-3 for row in found.scores)


def test_that_ten_thousand_features_are_ranked_at_once(make_gallery: Callable[[int, int], Any]) -> None:
    gallery = make_gallery(200, 50)
    hits = gallery.ranked(gallery.vectors[77 * 50 + 20], 200)
    assert hits[0] == (Path("77"), 20 / gallery.rate_per_s, pytest.approx(1.0)) and len(hits) == 200
    assert [score for _, _, score in hits] == sorted((score for _, _, score in hits), reverse=True)


@pytest.fixture
def make_gallery() -> Callable[[int, int], Any]:
    from workbench.engine.video.retrieval import Gallery

    def make(videos: int, each: int) -> Gallery:
        chance = np.random.default_rng(90)
        rows = chance.normal(size=(videos, each, 128)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
        return Gallery.of([(Path(str(at)), one) for at, one in enumerate(rows)], 2.0)

    return make
