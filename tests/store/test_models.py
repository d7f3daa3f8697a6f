"""Models in the home: copied without code, checked against their digests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from workbench.core.problem import InputError
from workbench.store.home import Home
from workbench.store.models import add_model, model_faults, origin_of, trained_models


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "my-encoder"
    folder.mkdir()
    save_file({"weight": np.ones((4, 4), np.float32)}, folder / "model.safetensors")
    (folder / "config.json").write_text('{"model_type": "bert"}')
    (folder / "vocab.txt").write_text("a\nb\n")
    (folder / "modeling_evil.py").write_text("print('code')")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04pickle")
    return folder


def test_that_a_model_is_taken_in_without_code_and_pickles(home: Home, source: Path) -> None:
    target = add_model(home, source)
    taken = {"model.safetensors", "config.json", "vocab.txt"}
    assert {file.name for file in target.iterdir()} == taken | {"sha256.json", "origin.json"}
    assert origin_of(target).source == str(source.resolve())
    assert model_faults(target) == []
    assert [one.name for one in trained_models(home)] == ["my-encoder"]


def test_that_a_changed_or_missing_file_is_found(home: Home, source: Path) -> None:
    target = add_model(home, source, name="mine")
    (target / "vocab.txt").write_text("c\n")
    (target / "config.json").unlink()
    assert sorted(model_faults(target)) == ["config.json is missing", "vocab.txt has changed since it was added"]


def test_that_truncated_weights_are_found(home: Home, source: Path) -> None:
    target = add_model(home, source)
    weights = target / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    assert any("model.safetensors" in fault for fault in model_faults(target))


def test_that_pickled_weights_are_refused_with_the_safe_way(home: Home, source: Path) -> None:
    (source / "model.safetensors").unlink()
    with pytest.raises(InputError, match="pickle") as caught:
        add_model(home, source)
    assert "safe_serialization" in caught.value.fix
    assert list(home.models.iterdir()) == []


@pytest.mark.parametrize("name", ["../up", "a/b", "-x", ".hidden", "my-encoder"])
def test_that_a_name_that_is_taken_or_leads_elsewhere_is_refused(home: Home, source: Path, name: str) -> None:
    add_model(home, source, name="my-encoder")
    with pytest.raises(InputError):
        add_model(home, source, name=name)
    assert [path.name for path in home.models.iterdir()] == ["my-encoder"]


def test_that_a_link_out_of_the_folder_is_not_followed(home: Home, source: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (source / "notes.txt").symlink_to(tmp_path / "secret.txt")
    assert not (add_model(home, source) / "notes.txt").exists()


def test_that_damaged_weights_are_not_taken_in(home: Home, source: Path) -> None:
    (source / "model.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(InputError, match="damaged"):
        add_model(home, source)
