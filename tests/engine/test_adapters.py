from __future__ import annotations

import pytest
import torch
import transformers
from torch import nn

from workbench.core.mixins import TextEncoder, Training
from workbench.core.problem import InputError
from workbench.engine import adapters, backbones

SMALL = {
    "vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 16,
    "max_position_embeddings": 24, "pad_token_id": 0,
}  # fmt: skip
CONFIGS = {
    "bert": transformers.BertConfig(**SMALL),
    "roberta": transformers.RobertaConfig(**SMALL),
    "xlm-roberta": transformers.XLMRobertaConfig(**SMALL),
    "electra": transformers.ElectraConfig(**SMALL, embedding_size=4),
    "distilbert": transformers.DistilBertConfig(
        vocab_size=20, dim=8, n_layers=3, n_heads=2, hidden_dim=16, max_position_embeddings=24
    ),
    "deberta-v2": transformers.DebertaV2Config(**SMALL, relative_attention=True, pos_att_type=["p2c", "c2p"]),
    "modernbert": transformers.ModernBertConfig(
        **SMALL, bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2
    ),
    "gpt2": transformers.GPT2Config(
        vocab_size=20, n_embd=8, n_layer=3, n_head=2, n_positions=24, pad_token_id=0, bos_token_id=1, eos_token_id=2
    ),
}
MODES = ["full", "last layers", "linear probe", "lora", "ia3"]
IDS = torch.tensor([[1, 5, 6, 7, 2], [1, 8, 9, 2, 2]])


class Knobs(Training, TextEncoder):
    pass


def build(name: str, kind: str = "TokenClassification") -> nn.Module:
    torch.manual_seed(0)
    backbones.quiet()
    return getattr(transformers, f"AutoModelFor{kind}").from_config(CONFIGS[name])


def train_a_little(model: nn.Module, knobs: Knobs) -> None:
    optimizer = torch.optim.AdamW(adapters.parameter_groups(model, knobs))
    for _ in range(2):
        model(input_ids=IDS).logits.pow(2).mean().backward()
        optimizer.step()
        optimizer.zero_grad()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CONFIGS)
def test_that_every_architecture_learns_and_saves_in_every_way(tmp_path, name, mode):
    knobs = Knobs(adapt=mode, last_layers=1, layer_decay=0.9, learning_rate=0.01)
    model = adapters.adapt(build(name), knobs)
    before = {key: one.detach().clone() for key, one in model.named_parameters()}
    train_a_little(model, knobs)
    moved = {key for key, one in model.named_parameters() if not torch.equal(one, before[key])}
    assert moved <= {key for key, one in model.named_parameters() if one.requires_grad}
    assert any("classifier" in key or "score" in key for key in moved)
    adapters.save_model(model, None, tmp_path / "model")
    assert (tmp_path / "model" / "adapter").is_dir() == (mode in ("lora", "ia3"))
    again = transformers.AutoModelForTokenClassification.from_pretrained(tmp_path / "model")
    torch.testing.assert_close(
        again.eval()(input_ids=IDS).logits, model.eval()(input_ids=IDS).logits, atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize("kind", ["SequenceClassification", "QuestionAnswering", "MaskedLM"])
@pytest.mark.parametrize("mode", ["lora", "ia3"])
def test_that_adapters_fold_into_every_head(tmp_path, kind, mode):
    knobs = Knobs(adapt=mode, learning_rate=0.01)
    model = adapters.adapt(build("roberta", kind), knobs)
    optimizer = torch.optim.AdamW(adapters.parameter_groups(model, knobs))
    model(input_ids=IDS)[0].pow(2).mean().backward()
    optimizer.step()
    adapters.save_model(model, None, tmp_path)
    again = getattr(transformers, f"AutoModelFor{kind}").from_pretrained(tmp_path).eval()
    torch.testing.assert_close(again(input_ids=IDS)[0], model.eval()(input_ids=IDS)[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("mode", MODES)
def test_that_a_saved_model_loads_with_its_head_labels_and_tokenizer(tiny_backbone, tmp_path, mode):
    knobs = Knobs(adapt=mode)
    model = adapters.adapt(backbones.load_for(tiny_backbone, "sequence", labels=["good", "bad"], seed=1), knobs)
    adapters.save_model(model, backbones.load_tokenizer(tiny_backbone), tmp_path)
    again, tokenizer = adapters.load_model(tmp_path)
    given = tokenizer("it was a good film", return_tensors="pt")
    assert given["input_ids"].shape == (1, 7)
    assert again.config.id2label == {0: "good", 1: "bad"}
    torch.testing.assert_close(again(**given).logits, model.eval()(**given).logits, atol=1e-6, rtol=1e-5)


def test_that_saving_leaves_the_adapted_model_usable(tmp_path):
    model = adapters.adapt(build("bert"), Knobs(adapt="lora")).eval()
    before = model(input_ids=IDS).logits
    adapters.save_model(model, None, tmp_path)
    assert torch.equal(model(input_ids=IDS).logits, before)


def learning(model: nn.Module) -> set[str]:
    return {name for name, one in model.named_parameters() if one.requires_grad}


def test_that_a_linear_probe_learns_the_head_alone():
    model = adapters.adapt(build("bert"), Knobs(adapt="linear probe"))
    assert learning(model) == {"classifier.weight", "classifier.bias"}
    assert adapters.trainable_count(model) == 8 * 2 + 2


def test_that_weights_no_checkpoint_has_trained_learn_in_a_linear_probe():
    model = build("bert", "SequenceClassification")
    model.fresh_weights = frozenset({"bert.pooler.dense.weight", "bert.pooler.dense.bias"})
    assert learning(adapters.adapt(model, Knobs(adapt="linear probe"))) == {
        "classifier.weight", "classifier.bias", "bert.pooler.dense.weight", "bert.pooler.dense.bias",
    }  # fmt: skip


@pytest.mark.parametrize(("wanted", "first"), [(1, 2), (2, 1), (3, 0), (40, 0)])
def test_that_last_layers_learn_from_the_top_and_embeddings_never(wanted, first):
    model = adapters.adapt(build("bert"), Knobs(adapt="last layers", last_layers=wanted))
    numbers = {int(name.split(".")[3]) for name in learning(model) if ".layer." in name}
    assert numbers == set(range(first, 3))
    assert not any("embeddings" in name for name in learning(model))


@pytest.mark.parametrize("name", CONFIGS)
def test_that_the_rate_falls_towards_the_input(name):
    model, knobs = build(name), Knobs(layer_decay=0.5, learning_rate=0.16)
    rates = {id(one): group["lr"] for group in adapters.parameter_groups(model, knobs) for one in group["params"]}
    assert len(rates) == len(list(model.parameters()))
    by_name = {key: rates[id(one)] for key, one in model.named_parameters()}
    assert {rate for key, rate in by_name.items() if "embedding" in key or "wte" in key} == {0.01}
    assert {rate for key, rate in by_name.items() if key.startswith(("classifier", "score"))} == {0.16}
    assert sorted(set(by_name.values())) == pytest.approx([0.01, 0.02, 0.04, 0.08, 0.16])


def test_that_norms_and_biases_do_not_decay():
    model, knobs = build("bert"), Knobs(weight_decay=0.3)
    groups = adapters.parameter_groups(model, knobs)
    assert {group["weight_decay"] for group in groups} == {0.0, 0.3}
    assert all((one.ndim > 1) == (group["weight_decay"] > 0) for group in groups for one in group["params"])


def test_that_any_stack_of_blocks_counts_as_layers():
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Linear(4, 4)
            self.few = nn.ModuleList([nn.Linear(4, 4)])
            self.blocks = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])
            self.out = nn.Linear(4, 2)

    model = adapters.adapt(Own(), Knobs(adapt="last layers", last_layers=1))
    assert adapters.layers(model) == ("blocks", 3)
    assert learning(model) == {"blocks.2.weight", "blocks.2.bias", "out.weight", "out.bias"}


@pytest.mark.parametrize("mode", ["last layers", "lora", "ia3"])
def test_that_a_model_without_layers_is_an_input_error(mode):
    with pytest.raises(InputError) as caught:
        adapters.adapt(nn.Sequential(nn.Linear(2, 2)), Knobs(adapt=mode))
    assert caught.value.field == "adapt"
