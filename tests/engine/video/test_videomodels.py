"""Video classifiers: what transformers itself computes comes out, for clips of any length, and damage is named."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    TimesformerConfig,
    TimesformerForVideoClassification,
    VideoMAEConfig,
    VideoMAEForVideoClassification,
    VivitConfig,
    VivitForVideoClassification,
)

from workbench.core.problem import InputError
from workbench.engine.video import videomodels

SIZE = {"image_size": 32, "num_frames": 4, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 2, "id2label": {0: "falls", 1: "rolls", 2: "rests"}}  # fmt: skip
MADE = {
    "videomae": (VideoMAEForVideoClassification, VideoMAEConfig(**SIZE, patch_size=16, tubelet_size=2)),
    "timesformer": (TimesformerForVideoClassification, TimesformerConfig(**SIZE, patch_size=16)),
    "vivit": (VivitForVideoClassification, VivitConfig(**SIZE, tubelet_size=[2, 16, 16])),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("classifiers")
    for name, (kind, config) in MADE.items():
        torch.manual_seed(3)
        kind(config).save_pretrained(root / name)
    return root


@pytest.fixture
def clips():
    return np.random.default_rng(0).integers(0, 256, (2, 4, 32, 32, 3), np.uint8)


def _said(folder):
    with pytest.raises(InputError) as told:
        videomodels.load(folder)
    assert told.value.field == "backbone"
    return told.value


@pytest.mark.parametrize("kind", list(MADE))
def test_that_scores_are_those_of_the_library(folders, clips, kind):
    model = videomodels.load(folders / kind)
    assert (model.frames, model.image_px, model.labels, model.kind) == (4, 32, ("falls", "rolls", "rests"), kind)
    mean, std = (np.array(one, np.float32) for one in videomodels.KINDS[kind][1:])
    pixels = torch.from_numpy((clips.astype(np.float32) / 255 - mean) / std).permute(0, 1, 4, 2, 3)
    with torch.no_grad():
        theirs = MADE[kind][0].from_pretrained(folders / kind).eval()(pixel_values=pixels).logits.softmax(-1)
    torch.testing.assert_close(model.scores(clips), theirs)
    assert model.scores(clips).sum(1).tolist() == pytest.approx([1, 1])


@pytest.mark.parametrize(("frames", "size"), [(1, (32, 32)), (3, (48, 32)), (17, (40, 64))])
def test_that_clips_of_any_length_and_size_are_scored(folders, frames, size):
    model = videomodels.load(folders / "videomae")
    clip = np.random.default_rng(1).integers(0, 256, (1, frames, *size, 3), np.uint8)
    assert model.prepared(clip).shape == (1, 4, 3, 32, 32) and model.scores(clip).shape == (1, 3)
    with pytest.raises(ValueError, match="at least one frame"):
        model.scores(clip[:, :0])


def test_that_frames_are_spread_evenly():
    assert videomodels.evenly(16, 4).tolist() == [2, 6, 10, 14]
    assert videomodels.evenly(4, 4).tolist() == [0, 1, 2, 3]
    assert videomodels.evenly(2, 4).tolist() == [0, 0, 1, 1]


def test_that_the_folders_own_normalisation_counts(folders, clips, tmp_path):
    folder = shutil.copytree(folders / "vivit", tmp_path / "own")
    told = {"image_mean": [0.4, 0.4, 0.4], "image_std": [0.2, 0.2, 0.2]}
    (folder / "preprocessor_config.json").write_text(json.dumps(told))
    expected = (clips[0, 0, 0, 0] / 255 - 0.4) / 0.2
    assert videomodels.load(folder).prepared(clips)[0, 0, :, 0, 0].tolist() == pytest.approx(
        expected.tolist(), abs=1e-5
    )
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_mean": 0.4}))
    assert "normalised" in _said(folder).what


def test_that_what_is_no_classifier_is_told_apart(folders, tmp_path):
    folder = shutil.copytree(folders / "timesformer", tmp_path / "headless")
    kept = {name: one for name, one in load_file(folder / "model.safetensors").items() if "classifier" not in name}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    assert "no classifier" in _said(folder).what
    save_file({name: one for name, one in kept.items() if "layer.1." not in name}, folder / "model.safetensors",
              {"format": "pt"})  # fmt: skip
    (folder / "config.json").write_text((folder / "config.json").read_text().replace("timesformer", "bert"))
    assert _said(folder).received == "model_type 'bert'"
    assert "no such backbone" in _said(tmp_path / "nowhere").what


def test_that_damaged_and_missing_weights_are_named(folders, tmp_path):
    folder = shutil.copytree(folders / "videomae", tmp_path / "damaged")
    weights = load_file(folder / "model.safetensors")
    layer = next(name for name in weights if "layer.1." in name)
    save_file({name: one for name, one in weights.items() if name != layer}, folder / "model.safetensors",
              {"format": "pt"})  # fmt: skip
    assert layer in _said(folder).received
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:1000])
    assert _said(folder).what == "The backbone's weights are damaged."
    (folder / "model.safetensors").unlink()
    assert _said(folder).received == "no model.safetensors"
