"""Integrated gradients: complete, signed rightly, and without side effects."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, BertForTokenClassification, PreTrainedTokenizerFast

from workbench.engine.text.attribution import attribute, integrated_gradients

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "the", "un", "##usual"]
TEXT = "the good film unusual"


@pytest.fixture(scope="module")
def tokenizer():
    tok = Tokenizer(models.WordPiece({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tok.pre_tokenizer = pre_tokenizers.Whitespace()
    tok.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tok,
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        unk_token="[UNK]",
    )


def config() -> BertConfig:
    return BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        num_labels=3,
        id2label={0: "calm", 1: "glad", 2: "sad"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def classifier():
    torch.manual_seed(1)
    model = BertForSequenceClassification(config())
    for name, weight in model.named_parameters():
        if "classifier.weight" in name or "pooler" in name:
            torch.nn.init.normal_(weight, std=0.8)
    return model


def test_that_the_values_add_up_to_the_change_in_log_probability(classifier, tokenizer):
    for target in range(3):
        found = attribute(classifier, tokenizer, TEXT, target)
        change = found.here - found.baseline
        assert abs(found.missing) <= 0.02 * max(abs(change), 0.05), target


def test_that_it_is_complete_for_a_tagger_as_well(tokenizer):
    torch.manual_seed(2)
    model = BertForTokenClassification(config())
    torch.nn.init.normal_(model.classifier.weight, std=2.0)
    found = attribute(model, tokenizer, TEXT, (9, 1))
    assert found.target == 1 and abs(found.here - found.baseline) > 0.01
    assert abs(found.missing) <= 0.02 * max(abs(found.here - found.baseline), 0.05)


def test_that_special_tokens_get_nothing_and_words_gather_their_pieces(classifier, tokenizer):
    found = attribute(classifier, tokenizer, TEXT, 1)
    np.testing.assert_allclose(found.values[[0, -1]], 0, atol=1e-6)
    shown = integrated_gradients(classifier, tokenizer, TEXT, 1)
    assert [shown.text[span.start : span.end] for span in shown.spans] == ["the", "good", "film", "unusual"]
    assert max(abs(span.score) for span in shown.spans) == pytest.approx(1.0)
    pieces = found.values[4] + found.values[5]
    largest = max(abs(v) for v in [*found.values[1:4], pieces])
    assert shown.spans[3].score == pytest.approx(pieces / largest, abs=1e-3)


def test_that_the_predicted_class_is_explained_unless_asked_otherwise(classifier, tokenizer):
    with torch.no_grad():
        guess = int(classifier.eval()(**tokenizer(TEXT, return_tensors="pt")).logits.argmax())
    assert attribute(classifier, tokenizer, TEXT).target == guess
    assert ("calm", "glad", "sad")[guess] in integrated_gradients(classifier, tokenizer, TEXT).note


def test_that_a_word_that_decides_gets_the_heat(tokenizer):
    class Counts(torch.nn.Module):
        """Says class 1 by how often 'good' occurs, class 2 by 'bad'."""

        def __init__(self) -> None:
            super().__init__()
            self.table = torch.nn.Embedding.from_pretrained(torch.eye(len(WORDS)), freeze=False)

        def get_input_embeddings(self):
            return self.table

        def forward(self, inputs_embeds, attention_mask=None, **more):
            seen = inputs_embeds.sum(1)
            logits = torch.stack([torch.zeros(len(seen)), 4 * seen[:, 5], 4 * seen[:, 6]], 1)
            return type("Output", (), {"logits": logits})()

    shown = integrated_gradients(Counts(), tokenizer, "the good bad film", 1)
    scores = {shown.text[span.start : span.end]: span.score for span in shown.spans}
    assert scores["good"] == 1.0 and scores["bad"] < -0.1 and abs(scores["the"]) < 1e-3


def test_that_the_model_is_left_as_it_was(classifier, tokenizer):
    classifier.train()
    classifier.zero_grad(set_to_none=True)
    with torch.no_grad():
        attribute(classifier, tokenizer, TEXT, 0)
    assert classifier.training and all(weight.grad is None for weight in classifier.parameters())
    classifier.eval()


def test_that_an_empty_and_an_overlong_text_are_explained_as_far_as_they_go(classifier, tokenizer):
    assert integrated_gradients(classifier, tokenizer, "").spans == []
    shown = integrated_gradients(classifier, tokenizer, "good " * 50, 1, max_length=10)
    assert len(shown.spans) == 8
