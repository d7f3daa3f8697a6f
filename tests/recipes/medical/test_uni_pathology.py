"""Own folders, slide lists and weights; parts kept apart; protocols; crops and losses; a slide mapped after a run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import Dinov2Config, Dinov2Model

from workbench.core.problem import InputError
from workbench.core.settings import Settings
from workbench.core.slides import heat_problem
from workbench.engine.medical.phantoms.histology import MPP, TISSUES
from workbench.engine.medical.slides.clam import write_features
from workbench.engine.medical.slides.writing import write_pyramid
from workbench.recipes.medical.uni_pathology import (
    bags,
    crops,
    data,
    folders,
    natural,
    networks,
    pretrain,
    protocols,
    serve,
    weights,
)  # fmt: skip
from workbench.recipes.medical.uni_pathology.bags import Encoded
from workbench.recipes.medical.uni_pathology.handmade import Handmade
from workbench.recipes.medical.uni_pathology.recipe import CLAIM, HISTOLOGY, UniPathology, run
from workbench.runner.prepare import freeze
from workbench.store.runfolder import RunConfig, create_run
from workbench.worker.execute import execute

SMALL = run.presets["smoke"]
assert isinstance(SMALL, UniPathology)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))


def _job(inputs: dict[str, str] | None = None, seed: int = 1) -> Any:
    told: list[str] = []
    return SimpleNamespace(
        inputs=inputs or {}, seed=seed, told=told, log=lambda text, level="info": told.append(text),
        progress=lambda _done, _of: None, phase=lambda _name, total=0: None,
        metric=lambda *_args, **_named: None,
    )  # fmt: skip


# What is forbidden --------------------------------------------------------------------------


def test_that_no_slide_stands_in_two_parts() -> None:
    found = data.load(_job(), SMALL)
    named = (found.labelled, found.validation, found.test)
    parts = [set(found.pretraining_slides), *(set(one.slides) for one in named)]
    assert sum(map(len, parts)) == len(set().union(*parts))
    with pytest.raises(InputError, match="more than one part"):
        data.apart(["one", "two"], ["three", "two"])


def test_that_test_tiles_and_their_order_change_nothing_that_was_learned() -> None:
    chance = np.random.default_rng(0)
    pool, labels = chance.normal(size=(40, 8)).astype(np.float32), np.arange(40) % 4
    query = chance.normal(size=(30, 8)).astype(np.float32)
    for rule in protocols.PROTOCOLS.values():
        alone = np.concatenate([rule(pool, labels, query[at : at + 1], 4) for at in range(30)])
        shifted = rule(pool, labels, np.concatenate([query, query + 100]), 4)[:30]
        assert np.allclose(alone, rule(pool, labels, query, 4), atol=1e-4)
        assert np.allclose(alone, shifted, atol=1e-4)


def test_that_all_arms_take_the_same_steps_views_and_tests() -> None:
    shared = ("max_steps", "batch", "learning_rate", "small_crops", "width", "layers", "episodes", "bags", "mil_epochs",
              "mil_rate", "tiles_per_slide", "labelled_slides", "test_slides", "prototypes", "momentum")  # fmt: skip
    assert len({tuple(getattr(arm, name) for name in shared) for arm in CLAIM.arms.values()}) == 1


def test_that_everything_but_test_comes_from_centre_a() -> None:
    assert {part for part, centre in data.CENTRE.items() if centre == "B"} == {"test", "unseen bags"}


def test_that_encoders_of_a_seed_are_tested_by_the_same_draws() -> None:
    labels = np.arange(90) % 9
    one, other = (protocols.supports(labels, 4, 3, seed=5) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert all((np.bincount(labels[places]) == 4).all() for places in one)


# Protocols ----------------------------------------------------------------------------------


def _blobs(count: int, seed: int, width: int = 60) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    return (np.eye(3, width)[labels] * 4 + chance.normal(0, 0.4, (count, width)) + 7).astype(np.float32), labels


@pytest.mark.parametrize("name", list(protocols.PROTOCOLS))
def test_that_a_protocol_names_what_lies_apart_and_not_what_has_no_order(name: str) -> None:
    pool, query = _blobs(60, 0), _blobs(90, 1)
    places = protocols.supports(pool[1], 4, 5, seed=0)
    assert protocols.episodes(name, pool, query, places=places, classes=3).balanced.mean() > 0.98
    mixed = query[0], np.random.default_rng(2).permutation(query[1])
    assert protocols.episodes(name, pool, mixed, places=places, classes=3).balanced.mean() < 0.55


def test_that_the_linear_probe_says_nothing_where_its_penalty_outweighs_what_it_could_learn() -> None:
    pool, labels = _blobs(60, 3, width=6)  # C = 6 · 3 / 100: a norm that is not squared drives weights to zero
    logits = protocols.linear(pool, labels, pool, 3)
    assert logits.shape == (60, 3)
    assert np.ptp(logits) < 0.1


def test_that_balanced_accuracy_weighs_rare_classes_like_frequent_ones() -> None:
    truth = np.array([0] * 8 + [1] * 2)
    assert protocols.balanced_accuracy(np.zeros(10, int), truth, 2) == 0.5


# Crops and losses ---------------------------------------------------------------------------


def test_that_crops_follow_their_generator_and_stay_pictures() -> None:
    tiles = torch.rand(5, 3, 64, 64)
    one, other = (crops.views(tiles, 32, (0.1, 0.3), torch.Generator().manual_seed(3)) for _ in range(2))
    assert one.shape == (5, 3, 32, 32)
    assert torch.equal(one, other)
    assert 0 <= float(one.min()) <= float(one.max()) <= 1


def test_that_a_whole_crop_is_the_tile_turned_or_mirrored() -> None:
    coarse = torch.rand(6, 3, 4, 4, generator=torch.Generator().manual_seed(2))
    tiles = torch.nn.functional.interpolate(coarse, size=(16, 16), mode="bicubic").clamp(0, 1)
    found = crops.cropped(tiles, 16, (1.0, 1.0), torch.Generator().manual_seed(0))
    for tile, crop in zip(tiles, found, strict=True):
        turned = [torch.rot90(side, times, (1, 2)) for side in (tile, tile.flip(2)) for times in range(4)]
        near = min(float((one - crop).abs().mean()) for one in turned)
        assert near < 0.12  # the shape is drawn between 3 : 4 and 4 : 3, so one side may be cut a little


def test_that_other_dyes_change_the_colour_and_not_what_is_drawn() -> None:
    tile = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 0.8 + 0.1
    again, other = (crops.stained(tile, 0.15, torch.Generator().manual_seed(seed)) for seed in (1, 2))
    assert torch.equal(again, crops.stained(tile, 0.15, torch.Generator().manual_seed(1)))
    assert not torch.allclose(again, other)
    assert torch.allclose(crops.stained(tile, 0.0, torch.Generator().manual_seed(1)), tile, atol=1e-5)
    white = crops.stained(torch.ones(2, 3, 4, 4), 0.5, torch.Generator().manual_seed(1))
    assert torch.equal(white, torch.ones(2, 3, 4, 4)), "glass without tissue stays white"


def test_that_koleo_is_lower_for_features_that_lie_apart() -> None:
    apart, close = torch.eye(8), torch.ones(8, 8) + 0.01 * torch.randn(8, 8, generator=torch.Generator().manual_seed(0))
    assert networks.koleo(apart) < networks.koleo(close)
    assert float(networks.koleo(torch.ones(1, 8))) == 0


def test_that_the_teachers_shares_add_up_and_use_all_prototypes_alike() -> None:
    shares = networks.balanced(torch.randn(64, 8, generator=torch.Generator().manual_seed(1)), 0.5, rounds=20)
    assert torch.allclose(shares.sum(1), torch.ones(64), atol=1e-4)
    assert torch.allclose(shares.sum(0), torch.full((8,), 8.0), atol=0.1)


@pytest.mark.parametrize("ibot", [False, True])
def test_that_distillation_moves_the_student_only_and_the_teacher_follows(ibot: bool) -> None:
    params = SMALL.replace(ibot=ibot)
    torch.manual_seed(0)
    pair = pretrain.make_student(params)
    tiles = np.random.default_rng(0).integers(0, 255, (8, 64, 64, 3), dtype=np.uint8)
    objective = pretrain.Distillation(pair, tiles, params, seed=1)
    objective.progress(0.0)
    batch = objective.collate([0, 1, 2, 3])
    again = objective.collate([0, 1, 2, 3])
    assert all(torch.equal(batch[name], again[name]) for name in batch)
    objective.loss(batch).backward()  # type: ignore[no-untyped-call]
    assert all(one.grad is None for one in pair.teacher.parameters())
    moved = [one for one in pair.student.encoder.parameters() if one.grad is not None]
    assert len(moved) > 20
    if ibot:
        assert batch["hidden"].any()
        assert pair.student.encoder.embeddings.mask_token.grad is not None
    before = pair.teacher.encoder.embeddings.cls_token.clone()
    with torch.no_grad():
        pair.student.encoder.embeddings.cls_token += 1
    objective.progress(0.5)
    assert not torch.equal(before, pair.teacher.encoder.embeddings.cls_token)


def test_that_natural_pictures_are_photographs_and_follow_their_seed() -> None:
    one, other = (natural.squares(6, 64, seed=seed) for seed in (1, 1))
    assert one.shape == (6, 64, 64, 3)
    assert np.array_equal(one, other)
    assert not any(word in name for _, names in natural.PICTURES.values() for name in names for word in ("ihc", "cell"))


# Slides -------------------------------------------------------------------------------------


def _encoded(count: int, seed: int) -> list[Encoded]:
    """Bags of noise; those of class 1 hold three tiles that point one way."""
    found = []
    for number in range(count):
        chance = np.random.default_rng((seed, number))
        features = chance.normal(0, 0.5, (20, 8)).astype(np.float32)
        tumour = np.zeros(20, np.float32)
        if number % 2:
            features[:3, 0] += 4
            tumour[:3] = 1
        places = np.stack([np.arange(20), np.zeros(20)], 1).astype(np.int64)
        found.append(Encoded(f"{seed}-{number}", number % 2, features, places, tumour))
    return found


def test_that_attention_finds_the_tiles_that_decide_a_slide() -> None:
    params = UniPathology(mil_epochs=20, mil_rate=3e-3, mil_width=16, mil_attention=8)
    model = bags.learn(_job(), _encoded(20, 0), params, classes=2, seed=0)
    test = _encoded(16, 1)
    judged = [bags.judged(model, one.features) for one in test]
    assert bags.auc([one.label for one in test], [float(shares[1]) for shares, _ in judged]) > 0.95
    areas = [bags.attention_auroc(one.tumour, weights) for one, (_, weights) in zip(test, judged, strict=True)
             if one.tumour is not None]  # fmt: skip
    assert all(area is None for area in areas[::2])
    assert np.mean([area for area in areas[1::2] if area is not None]) > 0.9
    assert judged[0][1].sum() == pytest.approx(1, abs=1e-5)


def test_that_rare_slides_are_drawn_as_often_as_frequent_ones() -> None:
    labels = [0] * 90 + [1] * 10
    drawn = np.array(labels)[bags.balanced_order(labels, 2000, np.random.default_rng(0))]
    assert 0.45 < drawn.mean() < 0.55


# Own data -----------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small NCT-CRC-HE-100K with its test set CRC-VAL-HE-7K: three classes of striped tiles."""
    chance = np.random.default_rng(0)
    for root, count in (("NCT-CRC-HE-100K", 10), ("CRC-VAL-HE-7K", 4)):
        for at, name in enumerate(("ADI", "LYM", "TUM")):
            (tmp_path / root / name).mkdir(parents=True)
            for number in range(count):
                picture = chance.integers(80, 120, (224, 224, 3)).astype(np.uint8)
                picture[:: 4 + 8 * at] = 220
                file = f"{name}-{'TCGA-' if root.startswith('CRC') else ''}AAAA{number:04}.tif"
                Image.fromarray(picture).save(tmp_path / root / name / file)
    return tmp_path


def test_that_class_folders_are_read_and_the_test_folder_is_only_tested_on(tree: Path) -> None:
    inputs = {"tiles": str(tree / "NCT-CRC-HE-100K"), "test_tiles": str(tree / "CRC-VAL-HE-7K")}
    found = data.load(_job(inputs), SMALL)
    assert found.classes == ("ADI", "LYM", "TUM")
    assert len(found.test) == 12
    assert len(found.labelled) + len(found.validation) == 30
    assert found.pretraining is found.labelled.pictures
    features = Handmade.scaled_by(found.pretraining)
    shot = protocols.SimpleShot.learn(features(found.labelled.pictures), found.labelled.labels, 3)
    assert (shot.similarity(features(found.test.pictures)).argmax(1) == found.test.labels).mean() > 0.8


def test_that_without_a_test_folder_it_is_told_that_slides_may_be_shared(tree: Path) -> None:
    job = _job({"tiles": str(tree / "NCT-CRC-HE-100K")})
    found = data.load(job, SMALL)
    assert len(found.test) == 9
    assert any("slide" in line for line in job.told)


def test_that_tiles_whose_names_tell_their_slide_stay_together(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for slide in range(8):
            for x in range(3):
                picture = Image.fromarray(np.full((64, 64, 3), 40 * slide % 255, np.uint8))
                picture.save(tmp_path / name / f"S{slide}_{x * 64}_0.png")
    found = data.load(_job({"tiles": str(tmp_path)}), SMALL)
    assert set(found.labelled.slides).isdisjoint(found.test.slides)
    assert set(found.labelled.slides).isdisjoint(found.validation.slides)


def test_that_other_classes_in_the_test_folder_are_refused(tree: Path) -> None:
    (tree / "CRC-VAL-HE-7K" / "LYM").rename(tree / "CRC-VAL-HE-7K" / "Lymph")
    inputs = {"tiles": str(tree / "NCT-CRC-HE-100K"), "test_tiles": str(tree / "CRC-VAL-HE-7K")}
    with pytest.raises(InputError) as caught:
        data.load(_job(inputs), SMALL)
    assert caught.value.field == "test_tiles"


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A slide list of twelve slides of six cases, with CLAM's features beside it."""
    folder = tmp_path / "study"
    (folder / "feat" / "h5_files").mkdir(parents=True)
    (folder / "patches").mkdir()
    lines = ["slide_id,label,case_id"]
    for one in _encoded(12, 4):
        number = int(one.name.split("-")[1])
        name = f"slide_{number}"
        write_features(folder / "feat" / "h5_files" / f"{name}.h5", one.features, one.places)
        (folder / "patches" / f"{name}.h5").write_bytes(b"coordinates, not features")
        lines.append(f"{name},{'tumor' if number % 2 else 'normal'},case_{number // 4}_{number % 2}")
    (folder / "reference.csv").write_text("\n".join(lines))
    return folder / "reference.csv"


def test_that_clam_features_are_taken_and_slides_of_a_case_stay_together(listed: Path) -> None:
    train, test, classes = folders.own_slides(_job(), str(listed), lambda _tiles: np.zeros((0, 8), np.float32), SMALL)
    assert classes == ("normal", "tumor")
    assert len(train) + len(test) == 12
    case_of = {one.slide: one.case for one in folders.slide_list(listed)}
    assert {case_of[one.name] for one in train}.isdisjoint({case_of[one.name] for one in test})
    assert train[0].features.shape == (20, 8)


def test_that_a_slide_that_is_not_there_is_named(listed: Path) -> None:
    listed.write_text(listed.read_text() + "\nslide_99,tumor,case_99\nslide_98,normal,case_98")
    with pytest.raises(InputError) as caught:
        folders.own_slides(_job(), str(listed), lambda _tiles: np.zeros((0, 8), np.float32), SMALL)
    assert "slide_9" in (caught.value.expected or "")


def test_that_a_table_without_labels_is_no_slide_list(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("name,class\na,b\n")
    with pytest.raises(InputError) as caught:
        folders.slide_list(tmp_path / "list.csv")
    assert "slide_id" in (caught.value.expected or "")


def test_that_folders_and_lists_can_be_looked_at(tree: Path, listed: Path) -> None:
    assert data.preview("tiles", str(tree / "NCT-CRC-HE-100K"), {}).labels == {"ADI": 10, "LYM": 10, "TUM": 10}
    seen = data.preview("slides", str(listed), {})
    assert seen.labels == {"normal": 6, "tumor": 6}
    assert seen.rows[0][3] == "slide_0.h5"


# Weights ------------------------------------------------------------------------------------


def _timm(model: Dinov2Model, folder: Path) -> dict[str, torch.Tensor]:
    """A Dinov2Model's weights under timm's names, as UNI is published: qkv fused."""
    back = {theirs: ours for ours, theirs in weights._PLAIN.items()}
    found, pieces = {}, {}
    model.save_pretrained(folder)
    for name, one in load_file(folder / "model.safetensors").items():
        if name in back:
            if name != "embeddings.mask_token":
                found[back[name]] = one
            continue
        layer, part = name.removeprefix("encoder.layer.").split(".", 1)
        if part.startswith("attention.attention."):
            which, kind = part.split(".")[2:]
            pieces[layer, which, kind] = one
        elif part.startswith("layer_scale"):
            found[f"blocks.{layer}.ls{part[11]}.gamma"] = one
        else:
            stem, kind = part.rsplit(".", 1)
            plain = {theirs: ours for ours, theirs in weights._BLOCK.items()}[stem]
            found[f"blocks.{layer}.{plain}.{kind}"] = one
    for layer in {one for one, _, _ in pieces}:
        for kind in ("weight", "bias"):
            found[f"blocks.{layer}.attn.qkv.{kind}"] = torch.cat(
                [pieces[layer, one, kind] for one in ("query", "key", "value")]
            )
    return {name: one.clone() for name, one in found.items()}


@pytest.fixture(scope="module")
def uni() -> Dinov2Model:
    """A network of UNI's shape, but two layers of width 128; every weight is its own."""
    torch.manual_seed(4)
    model = Dinov2Model(Dinov2Config(hidden_size=128, num_hidden_layers=2, num_attention_heads=2, patch_size=16,
                                     image_size=64, layerscale_value=1e-5))  # fmt: skip
    with torch.no_grad():
        for one in model.parameters():
            one.add_(torch.randn_like(one) * 0.05)
    return model.eval()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors"])
def test_that_unis_names_and_fused_qkv_give_the_same_features(uni: Dinov2Model, tmp_path: Path, name: str) -> None:
    tensors = _timm(uni, tmp_path / "own")
    if name.endswith(".bin"):
        torch.save(tensors, tmp_path / name)
    else:
        save_file(tensors, tmp_path / name)
    model = weights.load_published(tmp_path)
    assert model.config.num_attention_heads == 2
    assert model.config.image_size == 64
    tiles = torch.randint(0, 255, (2, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.allclose(networks.class_tokens(model, tiles), networks.class_tokens(uni, tiles), atol=1e-5)


class _Trap:
    """Runs code where it is unpickled: it touches `file`."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return (self.file.touch, ())


def test_that_a_file_that_needs_unpickling_is_refused(tmp_path: Path) -> None:
    torch.save({"blocks": _Trap(tmp_path / "was-unpickled")}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match="cannot be read"):
        weights.load_published(tmp_path / "pytorch_model.bin")
    assert not (tmp_path / "was-unpickled").exists()


def test_that_weights_of_another_network_are_refused(uni: Dinov2Model, tmp_path: Path) -> None:
    tensors = _timm(uni, tmp_path / "own")
    del tensors["norm.weight"]
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match="another network"):
        weights.load_published(tmp_path)


# A whole run --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of a smoke run whose tiles are described by hand: no pretraining, all the rest."""
    home = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(home))
        config = RunConfig(recipe="uni-pathology", params={"encoder": "hand-crafted"}, preset="smoke", seed=90)
        folder = create_run(home, freeze(config))
        execute(folder, settings=Settings())
    state = folder.state()
    assert state.phase == "finished", state.problem
    return folder.path / "model"


def _asked() -> Any:
    return SimpleNamespace(cache={}, device="cpu", precision="fp32")


def test_that_a_tile_is_named_with_its_neighbours(trained: Path, tmp_path: Path) -> None:
    picture = data.generated(3, "labelled", 1, 1, SMALL).pictures[0]
    Image.fromarray(picture).save(tmp_path / "tile.png")
    found = serve.answer(_asked(), trained, {"tile": str(tmp_path / "tile.png")}).answers
    assert found[0].headline in TISSUES
    assert len(found[1].scores) == serve.NEIGHBOURS
    assert "labelled-" in found[1].scores[0][0]
    assert serve.answer(_asked(), trained, {"tiles": HISTOLOGY.address}).answers[0].headline in TISSUES


def test_that_a_slide_becomes_a_map_of_scores_over_its_tissue(trained: Path, tmp_path: Path) -> None:
    slide = data.made_slide(90, "unseen bags", 1, SMALL.replace(slide_size=512))
    write_pyramid(tmp_path / "slide.tif", slide.rgb, mpp=MPP)
    answer = serve.answer(_asked(), trained, {"slide": str(tmp_path / "slide.tif")})
    assert answer.heat is not None
    assert not heat_problem(answer.heat)
    assert answer.heat.tile_px == 64
    inside = [slide.tissue[y : y + 64, x : x + 64].mean() for x, y in answer.heat.tiles]
    assert np.mean(inside) > 0.8
    assert "tumour" in answer.answers[0].headline


def test_that_what_is_no_picture_is_refused(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "tile.png").write_bytes(b"not a picture")
    with pytest.raises(InputError):
        serve.answer(_asked(), trained, {"tile": str(tmp_path / "tile.png")})
    with pytest.raises(InputError):
        serve.answer(_asked(), trained, {"tile": str(tmp_path / "absent.png")})
