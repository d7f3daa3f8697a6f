from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from workbench.core.mixins import MINILM
from workbench.core.problem import InputError
from workbench.engine import backbone_folders, backbones


@pytest.fixture
def folder(tiny_backbone, tmp_path) -> Path:
    """A copy of the tiny backbone to break, on a path with a space and an umlaut."""
    return Path(shutil.copytree(tiny_backbone, tmp_path / "mein Mödel"))


def edit_config(folder: Path, **changes) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def fault_of(address: object) -> InputError:
    with pytest.raises(InputError) as caught:
        backbones.load_tokenizer(str(address))
        backbones.load_encoder(str(address))
    assert caught.value.field == "backbone"
    assert caught.value.fix and caught.value.expected and caught.value.received
    return caught.value


def test_that_the_real_minilm_is_found_in_its_package_and_loads():
    assert (backbones.resolve(MINILM) / "config.json").is_file()
    model, tokenizer = backbones.load_encoder(MINILM), backbones.load_tokenizer(MINILM)
    given = tokenizer("A real sentence.", return_tensors="pt")
    assert model(**given).last_hidden_state.shape == (1, 6, 384)


def test_that_the_catalogue_shows_minilm_without_importing_torch(tmp_path, folder):
    code = (
        "import sys; from pathlib import Path; from workbench.engine.backbone_folders import catalogue;"
        "found = catalogue([Path(sys.argv[1])]); print(found[0].parameters, found[-1].title, found[-1].parameters);"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(folder.parent)], capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    count = sum(one.numel() for one in load_file(folder / "model.safetensors").values())
    assert said.stdout.strip() == f"22713216 mein Mödel {count}"


def test_that_the_catalogue_says_what_is_wrong_with_a_folder(folder):
    (folder / "model.safetensors").unlink()
    (found,) = [one for one in backbone_folders.catalogue([folder.parent]) if one.source == "folder"]
    assert found.problem == "This backbone has no weights."


def test_that_a_licence_is_read_from_the_card(folder):
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Card")
    assert backbone_folders.licence_of(folder) == "mit"


def test_that_a_starter_is_found_by_name_and_a_mistyped_one_is_suggested(folder, monkeypatch):
    monkeypatch.setattr(backbone_folders, "STARTERS", folder.parent)
    assert backbones.resolve("starter:mein Mödel") == folder
    assert "mein Mödel" in fault_of("starter:mein Modell").fix


@pytest.mark.parametrize(
    "address", ["", "/no/such/folder", "package:not-installed-anywhere", "package:json", "package:1 2"]
)
def test_that_an_address_of_nothing_is_told_plainly(address):
    fault_of(address)


def test_that_a_folder_without_tokenizer_says_so(folder):
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        (folder / name).unlink(missing_ok=True)
    assert fault_of(folder).what == "This backbone has no tokenizer."


def test_that_a_folder_without_configuration_says_so(folder):
    (folder / "config.json").unlink()
    assert "no config.json" in fault_of(folder).what


@pytest.mark.parametrize("text", ["", "[]", "{", '{"hidden_size": 4}', "\ud800".encode("utf-16", "surrogatepass")])
def test_that_a_garbled_configuration_says_so(folder, text):
    (folder / "config.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert "config.json" in fault_of(folder).what


@pytest.mark.parametrize("keep", [0, 5, 200, -10])
def test_that_truncated_weights_say_so(folder, keep):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:keep])
    fault = fault_of(folder)
    assert (fault.what, fault.place) == ("The backbone's weights are damaged.", str(weights))


def test_that_a_missing_shard_says_which(folder):
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../model-1-of-1.safetensors"}}')
    assert fault_of(folder).expected == "model-1-of-1.safetensors"


def test_that_code_coming_with_a_model_is_refused(folder):
    edit_config(folder, auto_map={"AutoModel": "modeling_evil.Evil"})
    assert "never run" in fault_of(folder).what


def test_that_an_unknown_architecture_is_named_with_a_suggestion(folder):
    edit_config(folder, model_type="robbert")
    fault = fault_of(folder)
    assert "robbert" in fault.what
    assert "roberta" in fault.fix or "Known" in fault.fix


def test_that_an_architecture_without_the_head_is_refused(folder):
    edit_config(folder, model_type="resnet")
    with pytest.raises(InputError) as caught:
        backbones.load_for(folder, "token", labels=["a"])
    assert caught.value.field == "backbone"


class Evil:
    def __reduce__(self):
        return os.abort, ()


@pytest.mark.parametrize("make", ["torch", "pickle", "junk"])
def test_that_a_checkpoint_that_needs_pickle_is_refused_and_not_run(folder, make):
    (folder / "model.safetensors").unlink()
    path = folder / "pytorch_model.bin"
    if make == "torch":
        torch.save({"a": Evil()}, path)
    else:
        path.write_bytes(pickle.dumps(Evil()) if make == "pickle" else b"junk")
    fault = fault_of(folder)
    assert "needs pickle" in fault.what
    assert "safetensors" in fault.fix


def test_that_a_bin_of_plain_tensors_loads(folder):
    expected = backbones.load_encoder(folder).state_dict()
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    loaded = backbones.load_encoder(folder).state_dict()
    assert all(torch.equal(loaded[name], one) for name, one in expected.items())


@pytest.mark.parametrize("change", ["drop", "shape"])
def test_that_weights_of_another_model_are_refused_instead_of_left_random(folder, change):
    tensors = load_file(folder / "model.safetensors")
    name = next(one for one in tensors if one.endswith("layer.1.output.dense.weight"))
    if change == "drop":
        del tensors[name]
    else:
        tensors[name] = torch.zeros(3, 3)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    assert "do not fit" in fault_of(folder).what


def test_that_a_fresh_encoder_has_the_shape_but_not_the_weights(tiny_backbone):
    trained, fresh = backbones.load_encoder(tiny_backbone), backbones.load_encoder(tiny_backbone, fresh=True, seed=1)
    pairs = list(zip(trained.parameters(), fresh.parameters(), strict=True))
    assert all(one.shape == two.shape for one, two in pairs)
    assert not torch.equal(pairs[0][0], pairs[0][1])


@pytest.mark.parametrize("fresh", [False, True])
def test_that_a_seed_fixes_new_weights_and_leaves_chance_alone(tiny_backbone, fresh):
    torch.manual_seed(9)
    before = torch.get_rng_state()
    one, two, three = (
        backbones.load_for(tiny_backbone, "sequence", labels=["a", "b", "c"], fresh=fresh, seed=seed)
        for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one.classifier.weight, two.classifier.weight)
    assert not torch.equal(one.classifier.weight, three.classifier.weight)
    assert one.config.id2label == {0: "a", 1: "b", 2: "c"}


@pytest.mark.parametrize("head", ["sequence", "token", "question", "masked"])
def test_that_every_head_loads_in_fp32_and_names_its_new_weights(folder, head):
    tensors = {name: one.half() for name, one in load_file(folder / "model.safetensors").items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    model = backbones.load_for(folder, head)
    assert {one.dtype for one in model.parameters()} == {torch.float32}
    assert model.fresh_weights
    assert not any(name.startswith("bert.e") for name in model.fresh_weights)


def test_that_the_hub_is_not_reached_offline(monkeypatch, tmp_path):
    monkeypatch.delenv("WORKBENCH_OFFLINE", raising=False)
    assert backbones.is_offline()
    fault = fault_of("hub:nobody/nothing-of-this-name")
    assert "network is switched off" in fault.what


@pytest.mark.parametrize(
    ("value", "offline"), [("false", False), ("0", False), ("off", False), ("true", True), ("1", True)]
)
def test_that_the_setting_decides_about_the_network(monkeypatch, value, offline):
    monkeypatch.setenv("WORKBENCH_OFFLINE", value)
    assert backbones.is_offline() is offline


def test_that_a_download_takes_weights_and_vocabulary_but_no_code(monkeypatch, folder):
    asked = {}

    def download(name: str, **options) -> str:
        asked.update(options, name=name)
        return str(folder)

    monkeypatch.setenv("WORKBENCH_OFFLINE", "false")
    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert backbones.resolve("hub:org/name") == folder
    assert asked["name"] == "org/name"
    assert asked["local_files_only"] is False
    assert not any(
        pattern.endswith((".py", ".bin", "*")) for pattern in asked["allow_patterns"] if pattern != "LICENSE*"
    )
