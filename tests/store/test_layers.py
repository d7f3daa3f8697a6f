"""The tree of layers, read from headers alone."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from workbench.core.problem import InputError
from workbench.core.weights import DamagedWeights, read_header
from workbench.store.layers import Layer, layers_of


def bert(layers: int, *, head: bool = True) -> dict[str, np.ndarray]:
    weights = {"bert.embeddings.word.weight": np.zeros((10, 4), np.float32)}
    for at in range(layers):
        weights[f"bert.encoder.layer.{at}.attention.query.weight"] = np.zeros((4, 4), np.float32)
        weights[f"bert.encoder.layer.{at}.attention.query.bias"] = np.zeros(4, np.float16)
    weights["bert.pooler.dense.weight"] = np.zeros((4, 4), np.float32)
    return weights | ({"classifier.weight": np.zeros((2, 4), np.float32)} if head else {})


def marks(root: Layer) -> dict[str, str]:
    return {leaf.path: leaf.learned for leaf in root.leaves()}


@pytest.fixture
def trained(tmp_path: Path) -> Callable[..., Path]:
    def make(**params: object) -> Path:
        save_file(bert(12), tmp_path / "model.safetensors")
        (tmp_path / "workbench.json").write_text(json.dumps({"config": {"params": params}}))
        return tmp_path

    return make


def test_that_a_tree_totals_numbers_and_bytes_per_branch_in_the_order_of_layers(tmp_path: Path) -> None:
    save_file(bert(12), tmp_path / "model.safetensors")
    root = layers_of(tmp_path)
    assert (root.tensors, root.count) == (27, 40 + 12 * 20 + 16 + 8)
    assert root.size_bytes == 4 * (40 + 12 * 16 + 16 + 8) + 2 * 12 * 4
    stack = root.children[0].children[1].children[0]
    assert (stack.path, [one.name for one in stack.children]) == ("bert.encoder.layer", [str(n) for n in range(12)])
    assert stack.children[0].dtypes == "F16, F32"
    assert set(marks(root).values()) == {""}


def test_that_shards_are_one_tree_and_other_weights_branches_of_their_own(tmp_path: Path) -> None:
    save_file({"a.weight": np.zeros(2)}, tmp_path / "model-00001-of-00002.safetensors")
    save_file({"b.weight": np.zeros(2)}, tmp_path / "model-00002-of-00002.safetensors")
    assert [one.name for one in layers_of(tmp_path).children] == ["a", "b"]
    (tmp_path / "adapter").mkdir()
    save_file({"c": np.zeros(2)}, tmp_path / "adapter" / "adapter_model.safetensors")
    save_file({"d": np.zeros(2)}, tmp_path / "branches.safetensors")
    assert [one.name for one in layers_of(tmp_path).children] == ["adapter", "branches", "model"]


def test_that_the_last_layers_and_the_head_are_marked_as_learned(trained: Callable[..., Path]) -> None:
    root = layers_of(trained(adapt="last layers", last_layers=2))
    learned = {path for path, mark in marks(root).items() if mark == "learned"}
    assert {path.split(".")[3] for path in learned if "layer." in path} == {"10", "11"}
    assert {"classifier.weight", "bert.pooler.dense.weight"} < learned
    assert root.learned == "partly"
    assert root.children[0].children[0].learned == "frozen"


def test_that_a_probe_learns_its_head_alone_and_full_tuning_everything(trained: Callable[..., Path]) -> None:
    probe = marks(layers_of(trained(adapt="linear probe")))
    assert [path for path, mark in probe.items() if mark == "learned"] == ["classifier.weight"]
    assert layers_of(trained(adapt="full")).learned == "learned"


def test_that_an_adapter_marks_what_it_was_merged_into(trained: Callable[..., Path]) -> None:
    folder = trained(adapt="lora", rank=2)
    (folder / "adapter").mkdir()
    name = "base_model.model.bert.encoder.layer.3.attention.query"
    save_file({f"{name}.lora_A.weight": np.zeros((2, 4))}, folder / "adapter" / "adapter_model.safetensors")
    found = marks(layers_of(folder))
    assert [path for path, mark in found.items() if mark == "merged"] == [
        "bert.encoder.layer.3.attention.query.bias", "bert.encoder.layer.3.attention.query.weight",
    ]  # fmt: skip
    assert found[f"{name}.lora_A.weight"] == "learned"
    assert found["bert.embeddings.word.weight"] == "frozen"


def test_that_frozen_lower_layers_are_marked(trained: Callable[..., Path]) -> None:
    found = marks(layers_of(trained(frozen_layers=11)))
    learned = {path for path, mark in found.items() if mark == "learned" and path.startswith("bert")}
    assert {path.split(".")[3] for path in learned} == {"11"}


@pytest.mark.parametrize("card", ["{", "[]", '{"config": 3}', '{"config": {"params": []}}'])
def test_that_a_garbled_card_costs_the_marks_alone(tmp_path: Path, card: str) -> None:
    save_file(bert(1), tmp_path / "model.safetensors")
    (tmp_path / "workbench.json").write_text(card)
    assert set(marks(layers_of(tmp_path)).values()) == {""}


def test_that_thousands_of_tensors_become_a_tree(tmp_path: Path) -> None:
    header: dict[str, object] = {
        f"model.layers.{at // 10}.experts.{at % 10}.weight": {
            "dtype": "F32", "shape": [1], "data_offsets": [4 * at, 4 * at + 4],
        } for at in range(12_000)
    }  # fmt: skip
    write_header(tmp_path / "model.safetensors", json.dumps(header).encode(), 48_000)
    root = layers_of(tmp_path)
    assert (root.tensors, root.count) == (12_000, 12_000)
    assert len(root.children[0].children[0].children) == 1200


def write_header(path: Path, header: bytes, body: int, *, length: int | None = None) -> Path:
    path.write_bytes(struct.pack("<Q", len(header) if length is None else length) + header + b"\0" * body)
    return path


ONE = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("header", "body", "length", "said"),
    [
        (b"", 0, None, "cannot be read"),
        (b"{", 0, None, "cannot be read"),
        (b"[]", 0, None, "cannot be read"),
        (b'{"a": 3}', 0, None, "cannot be read"),
        (b'{"a": {"dtype": "F32", "shape": "x", "data_offsets": [0, 8]}}', 8, None, "cannot be read"),
        (json.dumps({"a": ONE}).encode(), 4, None, "4 bytes of numbers where its header promises 8"),
        (json.dumps({"a": ONE}).encode(), 12, None, "12 bytes of numbers where its header promises 8"),
        (json.dumps({"a": ONE, "b": ONE}).encode(), 8, None, "overlap or leave gaps"),
        (json.dumps({"a": ONE | {"shape": [3]}}).encode(), 8, None, "8 bytes for F32 of shape [3]"),
        (json.dumps({"a": ONE | {"shape": [-1, -2]}}).encode(), 8, None, "of shape [-1, -2]"),
        (b"{}", 0, 1 << 40, "end within the header"),
        (b"\xff" * 40, 0, None, "cannot be read"),
    ],
)
def test_that_a_garbled_weight_file_says_what_is_wrong(
    tmp_path: Path, header: bytes, body: int, length: int | None, said: str
) -> None:
    path = write_header(tmp_path / "ünsafe name.safetensors", header, body, length=length)
    with pytest.raises(DamagedWeights) as caught:
        read_header(path)
    assert said in str(caught.value)
    with pytest.raises(InputError, match="damaged") as told:
        layers_of(tmp_path)
    assert told.value.place == str(path)


def test_that_a_header_longer_than_the_format_allows_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 200 << 20))
        file.truncate(300 << 20)  # sparse: takes no room
    with pytest.raises(DamagedWeights, match="210 MB where at most 100 MB"):
        read_header(path)


def test_that_a_folder_without_weights_says_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80")
    with pytest.raises(InputError, match="no weights in safetensors") as caught:
        layers_of(tmp_path)
    assert caught.value.received == "pytorch_model.bin"
    with pytest.raises(InputError, match="no weights"):
        layers_of(tmp_path / "nothing here")
