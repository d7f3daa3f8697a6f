from __future__ import annotations

import pytest
import torch

from workbench.core.problem import KnownTrouble
from workbench.engine import checkpoints


def test_that_a_tree_comes_back_as_it_was(tmp_path):
    tree = {
        "numbers": [1, 2.5, None, True, "text"],
        "by position": {0: {"step": torch.tensor(3.0)}, 1: {}},
        "@odd": {"@tensor": "not one"},
        "tensors": [torch.arange(6).reshape(2, 3).T, torch.zeros(0), torch.tensor(1, dtype=torch.uint8)],
        "small": 1e-308,
        "long": 0.1 + 0.2,
    }
    checkpoints.write(tmp_path, tree)
    back = checkpoints.read(tmp_path)
    assert back["numbers"] == tree["numbers"]
    assert back["by position"][0]["step"].item() == 3.0
    assert back["@odd"] == {"@tensor": "not one"}
    assert all(torch.equal(one, other) for one, other in zip(back["tensors"], tree["tensors"], strict=True))
    assert (back["small"], back["long"]) == (1e-308, 0.1 + 0.2)


def test_that_tensors_sharing_memory_are_written_apart(tmp_path):
    whole = torch.arange(10.0)
    checkpoints.write(tmp_path, {"whole": whole, "again": whole, "part": whole[2:5]})
    back = checkpoints.read(tmp_path)
    assert torch.equal(back["again"], whole)
    assert torch.equal(back["part"], whole[2:5])


def test_that_an_optimizers_state_survives(tmp_path):
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([weight], lr=0.1)
    weight.grad = torch.tensor([1.0, 2.0, 3.0])
    optimizer.step()
    checkpoints.write(tmp_path, optimizer.state_dict())
    other = torch.optim.AdamW([torch.nn.Parameter(weight.detach().clone())], lr=0.5)
    other.load_state_dict(checkpoints.read(tmp_path))
    assert other.param_groups[0]["lr"] == 0.1
    (state,), (saved,) = other.state.values(), optimizer.state.values()
    assert all(torch.equal(state[name], saved[name]) for name in saved)


@pytest.mark.parametrize("damage", ["truncate", "remove", "garble"])
def test_that_a_damaged_checkpoint_is_told_with_its_place(tmp_path, damage):
    checkpoints.write(tmp_path, {"a": torch.ones(100)})
    tensors, skeleton = tmp_path / "state.safetensors", tmp_path / "state.json"
    if damage == "truncate":
        tensors.write_bytes(tensors.read_bytes()[:-50])
    elif damage == "remove":
        skeleton.unlink()
    else:
        skeleton.write_bytes(b"{")
    with pytest.raises(KnownTrouble) as caught:
        checkpoints.read(tmp_path)
    assert caught.value.place == str(tmp_path)


def test_that_weights_of_another_shape_are_not_copied():
    with pytest.raises(KnownTrouble, match="another model"):
        checkpoints.copy_into({"a": torch.ones(2)}, {"a": torch.ones(3)})


def test_that_learned_leaves_out_frozen_weights_and_unsaved_buffers():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    model[0].bias.requires_grad = False
    model.register_buffer("scratch", torch.ones(1), persistent=False)
    assert set(checkpoints.learned(model)) == {
        "0.weight", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked",
    }  # fmt: skip
