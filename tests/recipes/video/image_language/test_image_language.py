"""Parts kept apart, a loss that knows who belongs together, fair measures, own folders, and a model at work."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from workbench.core.documents import TableDoc
from workbench.core.events import Artifact
from workbench.core.problem import InputError
from workbench.core.settings import Settings
from workbench.engine.video import imagelanguage
from workbench.recipes.video.image_language import data, folders, measures, method, serve
from workbench.recipes.video.image_language.data import CLASSES, Pairs
from workbench.recipes.video.image_language.objective import HIGHEST_SCALE, Contrastive, info_nce
from workbench.recipes.video.image_language.recipe import (
    CLAIM,
    NOTHING,
    SHUFFLED,
    STILLS,
    ImageLanguage,
    run,
)
from workbench.runner.prepare import freeze
from workbench.store.runfolder import RunConfig, create_run
from workbench.worker.execute import execute

SMALL = run.presets["smoke"]
assert isinstance(SMALL, ImageLanguage)


def _job(address: str = STILLS.address, seed: int = 1) -> Any:
    told: list[str] = []
    return SimpleNamespace(
        inputs={"pictures": address}, seed=seed, told=told, log=lambda text, level="info": told.append(text),
        progress=lambda _done, _of: None, phase=lambda _name, total=0: None, cache={}, device="cpu", precision="fp32",
    )  # fmt: skip


# Data ---------------------------------------------------------------------------------------


def test_that_parts_share_no_backdrop_and_seeds_share_none_either() -> None:
    grounds = []
    for seed in (1, 2):
        found = data.generated(seed, SMALL.replace(pictures=40, test_pictures=40))
        assert found.probe is not None and found.frames is not None
        assert np.bincount(found.probe.classes, minlength=36).tolist() == [SMALL.shots] * 36
        parts = (found.train, found.validation, found.test, found.probe, found.frames)
        grounds += [one.images[:, 2::4, 2::4].astype(int) for one in parts]  # the middle of each block
    for at, one in enumerate(grounds):
        for other in grounds[at + 1 :]:
            near = np.abs(one[:, None] - other[None]).max(-1) < 40  # noise moves a value by up to four times eight
            assert near.mean((2, 3)).max() < 0.6


def test_that_a_class_is_what_its_caption_says() -> None:
    found = data.generated(3, SMALL)
    for pairs in (found.train, found.test):
        for captions, kind in zip(pairs.captions, pairs.classes, strict=True):
            assert data.variants(captions[0])[3] == CLASSES[kind]


def test_that_captions_are_shortened_as_often_as_asked_for() -> None:
    whole = "a small red circle in the middle"
    assert data.variants(whole) == (whole, "a red circle in the middle", "a small red circle", "a red circle")
    chance = np.random.default_rng(0)
    found = [data.shortened(whole, chance, 0.3) for _ in range(2000)]
    assert np.mean(["small" not in one for one in found]) == pytest.approx(0.3, abs=0.04)
    assert np.mean(["middle" not in one for one in found]) == pytest.approx(0.3, abs=0.04)
    assert {data.shortened(whole, chance, 0.0) for _ in range(50)} == {whole}


def test_that_shuffled_captions_stay_the_same_captions_of_other_pictures() -> None:
    straight = data.load(_job(), SMALL)
    mixed = data.load(_job(), SMALL.replace(learn_from=SHUFFLED))
    assert sorted(mixed.train.captions) == sorted(straight.train.captions)
    assert (mixed.train.images == straight.train.images).all()
    same = np.mean([one == other for one, other in zip(mixed.train.captions, straight.train.captions, strict=True)])
    assert same < 0.1
    assert mixed.test.captions == straight.test.captions and mixed.validation.captions == straight.validation.captions


# The loss -----------------------------------------------------------------------------------


def test_that_without_like_captions_the_loss_is_clips() -> None:
    """Against the mean of two cross-entropies over the diagonal, as the paper's figure 3 has it."""
    torch.manual_seed(0)
    pictures, texts, scale = torch.randn(6, 5), torch.randn(6, 5), torch.tensor(9.0)
    logits = scale * functional.normalize(pictures, dim=-1) @ functional.normalize(texts, dim=-1).T
    places = torch.arange(6)
    wanted = (functional.cross_entropy(logits, places) + functional.cross_entropy(logits.T, places)) / 2
    torch.testing.assert_close(info_nce(pictures, texts, scale, torch.eye(6, dtype=torch.bool)), wanted)


def test_that_pictures_with_the_same_caption_are_not_pushed_apart() -> None:
    texts = torch.eye(3)[[0, 0, 1, 2]]
    alike = torch.tensor([0, 0, 1, 2])
    same = alike[:, None] == alike[None]
    scale = torch.tensor(50.0)
    perfect = info_nce(texts, texts, scale, same)
    assert perfect == pytest.approx(np.log(2) / 2, abs=1e-3)  # two of four cannot tell which of the two is theirs
    assert info_nce(texts.roll(1, 0), texts, scale, same) > perfect + 5
    assert info_nce(texts, texts, torch.tensor(1e9), same) == info_nce(texts, texts, torch.tensor(HIGHEST_SCALE), same)


def test_that_a_batch_is_the_same_after_a_resume_and_another_at_the_next_step() -> None:
    network = imagelanguage.build(width=16, layers=1, heads=2, seed=1, shape=imagelanguage.Shape(dim=8))
    pairs = data.generated(1, SMALL).train
    one, other = (Contrastive(network, pairs, SMALL, seed=5, shortens=True) for _ in range(2))
    for _ in range(3):
        one.progress(0.0)
    other.load_state({"steps": 2})
    other.progress(0.0)
    assert [one.caption(at) for at in range(96)] == [other.caption(at) for at in range(96)]
    other.progress(0.0)
    assert [one.caption(at) for at in range(96)] != [other.caption(at) for at in range(96)]
    assert {one.caption(at) for at in range(96)} <= {*one.texts()}
    batch = one.collate([3, 4, 5, 3])
    assert batch["same"].diagonal().all() and batch["same"][0, 3] and batch["described"].shape == (4, 384)


# Measures -----------------------------------------------------------------------------------


def test_that_any_picture_with_the_caption_counts_as_found() -> None:
    pairs = Pairs(np.zeros((3, 8, 8, 3), np.uint8), [("a",), ("a",), ("b",)])
    texts, belongs = measures.belonging(pairs)
    assert texts == ["a", "b"] and belongs.tolist() == [[True, False], [True, False], [False, True]]
    pictures = np.array([[1, 0], [0.6, 0.8], [0, 1]], np.float32)
    said = np.eye(2, dtype=np.float32)
    assert measures.recall_at(pictures, said, belongs, 1) == (pytest.approx(2 / 3), 1.0)
    assert measures.recall_at(pictures, said, belongs, 2) == (1.0, 1.0)


def test_that_the_probe_learns_from_its_labels_alone() -> None:
    chance = np.random.default_rng(0)
    classes = np.repeat(np.arange(3), 8)
    centres = 4 * np.eye(3, 6)
    train, tested = (centres[classes] + chance.normal(size=(24, 6)) for _ in range(2))
    assert (measures.probed(train, classes, tested) == classes).mean() > 0.85
    assert (measures.probed(train, chance.permutation(classes), tested) == classes).mean() < 0.75


# Own pictures -------------------------------------------------------------------------------


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Thirty pictures of another width than height, red ones and blue ones."""
    folder = tmp_path / "own"
    folder.mkdir()
    for at in range(30):
        colour = (200, 20, 20) if at % 2 else (20, 20, 200)
        Image.new("RGB", (40 + at, 50), colour).save(folder / f"{at:02}.png")
    return folder


def _says(at: int) -> str:
    return "all red" if at % 2 else "all blue"


def _table(folder: Path, head: str = "file,caption", mark: str = ",") -> Path:
    lines = [head, *(f"{at:02}.png{mark}{_says(at)}" for at in range(30))]
    (folder / "captions.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder / "captions.csv"


def _check_own(found: data.Data) -> None:
    assert (len(found.train), len(found.validation), len(found.test)) == (24, 3, 3)
    assert found.train.images.shape[1:] == (32, 32, 3)
    for part in (found.train, found.validation, found.test):
        for image, captions in zip(part.images, part.captions, strict=True):
            assert captions[0] == ("all red" if image[16, 16, 0] > image[16, 16, 2] else "all blue")


@pytest.mark.parametrize(("head", "mark"), [("file,caption", ","), ("File_Name;Text", ";"), ("image\tcaption", "\t")])
def test_that_a_table_of_captions_is_read(pictures: Path, head: str, mark: str) -> None:
    table = _table(pictures, head, mark)
    for address in (pictures, table):
        _check_own(data.load(_job(str(address)), SMALL))
    told = data.preview("pictures", str(pictures), {})
    assert told.row_count == 30 and told.rows[1] == ["01.png", "all red"]


def test_that_texts_beside_pictures_and_cocos_captions_are_read(pictures: Path, tmp_path: Path) -> None:
    for at in range(30):
        (pictures / f"{at:02}.txt").write_text(f"{_says(at)}\n\nin one colour\n")
    found = data.load(_job(str(pictures)), SMALL)
    _check_own(found)
    assert found.train.captions[0][1:] == ("in one colour",)
    (tmp_path / "annotations").mkdir()
    told = {
        "images": [{"id": at + 7, "file_name": f"{at:02}.png"} for at in range(30)],
        "annotations": [{"image_id": at + 7, "caption": f" {_says(at)} "} for at in range(30) for _ in range(2)],
    }
    coco = tmp_path / "annotations" / "captions_val.json"
    coco.write_text(json.dumps(told))
    found = data.load(_job(str(coco)), SMALL)
    _check_own(found)
    assert len(found.train.captions[0]) == 2


def test_that_pictures_that_cannot_be_read_are_left_out_and_told(pictures: Path) -> None:
    _table(pictures)
    (pictures / "03.png").write_bytes(b"no picture")
    (pictures / "04.png").unlink()
    job = _job(str(pictures))
    found = data.load(job, SMALL)
    assert len(found.train) + len(found.validation) + len(found.test) == 28
    assert any("2 of 30 pictures were left out" in line for line in job.told)
    for at in range(5, 20):
        (pictures / f"{at:02}.png").unlink()
    with pytest.raises(InputError, match="too few"):
        data.load(job, SMALL)


def test_that_what_holds_no_captions_says_what_it_needs(pictures: Path, tmp_path: Path) -> None:
    cases = {
        str(pictures): ("No picture here has a caption.", "30 pictures without captions"),
        str(tmp_path / "nowhere"): ("There are no pictures with captions here.", "nowhere"),
        str(_written(tmp_path / "a.csv", "width,height\n3,4\n")): ("The table does not say", "width, height"),
        str(_written(tmp_path / "b.csv", "file,caption\n03.png," + "a" * 200_000)): (
            "This table is dam",
            "field limit",
        ),
        str(_written(tmp_path / "a.json", "[1, 2]")): ("These are no captions as COCO writes them.", "TypeError"),
    }
    # Readers of texts raise the limit for their whole process.
    before = csv.field_size_limit(131_072)
    try:
        for address, (what, received) in cases.items():
            with pytest.raises(InputError) as told:
                data.load(_job(address), SMALL)
            assert told.value.what.startswith(what) and received in told.value.received
    finally:
        csv.field_size_limit(before)
        assert told.value.field == "pictures" and told.value.fix


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_that_measures_that_do_not_fit_are_refused_on_their_field() -> None:
    with pytest.raises(InputError) as told:
        folders.check_measures(SMALL.replace(image_px=36))
    assert told.value.field == "image_px" and "Take 32" in told.value.fix
    with pytest.raises(InputError) as told:
        method.built(_job(), SMALL.replace(width=17))
    assert told.value.field == "width"


# Runs and models ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run long enough to learn colours: its folder and its results."""
    home = tmp_path_factory.mktemp("image-language")
    params = SMALL.replace(pictures=600, max_steps=150, batch=48, width=32, layers=2, dim=32, evaluations=3, patch=16,
                           learning_rate=4e-3, shots=2)  # fmt: skip
    return _run(home, params)


def _run(home: Path, params: ImageLanguage, **inputs: str) -> Any:
    (home / "runs").mkdir(exist_ok=True)
    told = msgspec.to_builtins(params)
    config = RunConfig(recipe="image-language", params=told, inputs=inputs, seed=4, device="cpu")
    folder = create_run(home / "runs", freeze(config))
    execute(folder, settings=Settings())
    state = folder.state()
    assert state.phase == "finished", state.problem
    return folder, state.results


def test_that_colours_are_named_after_a_few_steps_and_frames_of_clips_as_well(ran: Any) -> None:
    _, results = ran
    assert results["zero_shot_colour"] > 0.6 > 3 / 6
    assert results["zero_shot"] > 4 / 36 and results["zero_shot_frames"] > 4 / 36
    assert results["picture_to_caption_r5"] > results["picture_to_caption_r1"] > 0


def test_that_random_weights_are_asked_the_same_and_name_nothing(ran: Any, tmp_path: Path) -> None:
    folder, results = _run(tmp_path, SMALL.replace(learn_from=NOTHING, shots=2))
    assert set(results) == set(ran[1])
    assert results["zero_shot"] < 0.12 and ran[1]["probe_accuracy"] > results["probe_accuracy"]
    assert not any(getattr(event, "name", "") == "loss" for event in folder.events())


def test_that_own_pictures_are_learned_from_and_found_by_their_captions(pictures: Path, tmp_path: Path) -> None:
    _table(pictures)
    params = SMALL.replace(max_steps=40, batch=12, learning_rate=1e-2)
    folder, results = _run(tmp_path, params, pictures=str(pictures))
    assert set(results) == {
        f"{name}_r{most}" for name in ("picture_to_caption", "caption_to_picture") for most in (1, 5)
    }
    assert results["picture_to_caption_r1"] == 1.0  # red or blue, with a caption for each
    slots = {one.slot for one in folder.events() if isinstance(one, Artifact)}
    assert slots == {"similarity", "found", "map", "scores"}
    with pytest.raises(InputError, match="nothing to compare"):
        serve.answer(_job(), folder.path / "model", {"pictures": STILLS.address})


def test_that_the_table_says_what_the_results_say(ran: Any) -> None:
    folder, results = ran
    (table,) = [one for one in folder.events() if isinstance(one, Artifact) and one.slot == "scores"]
    rows = msgspec.json.decode((folder.path / table.path).read_bytes(), type=TableDoc).rows
    told = {row[0]: row[1:] for row in rows}
    assert told["shape × colour, zero-shot"] == [round(results["zero_shot"], 4), round(1 / 36, 4)]
    assert len(rows) == len(results)


def test_that_a_saved_model_names_what_it_is_shown(ran: Any, tmp_path: Path) -> None:
    model = ran[0].path / "model"
    found = serve.answer(_job(), model, {"pictures": STILLS.address})
    (answer,) = found.answers
    assert answer.note.startswith("generated picture (a ") and len(answer.scores) == 8
    Image.new("RGB", (50, 40), (235, 46, 40)).save(tmp_path / "red.png")
    texts = [f"a {one} square" for one in ("red", "blue", "green")]
    for told in (texts, "\n".join(texts), "; ".join(texts)):
        (answer,) = serve.answer(_job(), model, {"pictures": str(tmp_path / "red.png"), "captions": told}).answers
        assert answer.headline == "a red square"
        assert sum(share for _, share in answer.scores) == pytest.approx(1, abs=1e-3)
    with pytest.raises(InputError, match="no picture"):
        serve.answer(_job(), model, {"pictures": str(tmp_path / "none.png")})
    assert imagelanguage.load(model).dim == 32


def test_that_the_claims_arms_differ_only_in_what_they_name() -> None:
    told = [msgspec.to_builtins(one) for one in CLAIM.arms.values()]
    differing = {name for name in told[0] if len({str(one[name]) for one in told}) > 1}
    assert differing == {"learn_from", "pictures"}
