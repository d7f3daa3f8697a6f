"""Pretraining by masked words: hide some pieces, learn to fill them in."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from workbench.core.documents import Item, Span, SpannedText, SpansDoc
from workbench.core.kinds import Spans
from workbench.core.problem import InputError
from workbench.core.words import spaced
from workbench.engine import adapters, backbones
from workbench.engine.text import reports

from . import common, vectors
from .common import IGNORED, Study
from .passages import Blocks, Picked, in_portions

SHOWN = 6
ALPHABET = "abcçdefgğhıijklmnoöpqrsştuüvwxyzABCÇDEFGĞHIİJKLMNOÖPQRSŞTUÜVWXYZ0123456789"
"""Letters that a new tokenizer knows even where the corpus never shows them alone."""
HELD_OUT = 300
RARE = 4
"""A word in fewer passages than this can be guessed only where it stands twice in one."""
PORTION = 1_000
"""Passages that are cut into word pieces at once."""
MOST_COUNTED = 200_000
"""Passages in which it is counted what stands together: more change the words' start no more."""
ROWS = 8
"""Passages of like length that go through the network together on a CPU."""


class Masking:
    """The objective, and what is shown of it; `texts` are plain passages."""

    better: Literal["high", "low"] = "low"

    def __init__(self, study: Study, texts: Sequence[str]) -> None:
        if len(texts) < 10:
            raise InputError(
                "There is too little text to pretrain on.",
                expected="at least ten passages (lines or rows)",
                received=f"{len(texts)}",
                fix="Give a longer text; a passage stands on a line of its own.",
                field="data",
            )
        self.study = study
        order = np.random.default_rng(study.job.seed).permutation(len(texts))
        held_out = min(HELD_OUT, max(1, len(texts) // 10))
        self.held_out = [texts[at] for at in order[:held_out]]
        learned = Picked(texts, order[held_out:])
        if study.fresh:
            study.tokenizer = new_tokenizer(learned, study.p.vocabulary)
        self.model: Any = _network(study)
        self.blocks = Blocks(cut(study, learned))
        if study.fresh and study.p.word_vectors:
            _start_words(self.model, self.blocks)
        self.checks = sorted(cut(study, self.held_out), key=len)
        self.heads = common.head_names(self.model)
        self.inside = torch.tensor([piece.startswith("##") for piece in _pieces(study.tokenizer)])
        """Per piece of the vocabulary: whether it goes on with a word."""
        asked: Sequence[list[int]] = self.blocks if study.p.whole_words else []
        self.passages = Counter(word for block in asked for word in set(self._words(block)))
        """In how many passages each word stands."""
        study.job.log(f"{spaced(len(self.blocks))} passages of up to {study.p.max_length} word pieces.")

    @property
    def examples(self) -> int:
        return len(self.blocks)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Without a head's factor: the head is tied to the word embeddings."""
        return adapters.parameter_groups(self.model, self.study.p)

    def collate(self, indices: list[int]) -> dict[str, Tensor]:
        return self._hidden([self.blocks[at] for at in indices], None)

    def _hidden(self, blocks: Sequence[list[int]], chance: torch.Generator | None) -> dict[str, Tensor]:
        """A batch with pieces hidden: 8 in 10 by the mask, 1 by another piece, 1 left as it is.

        With whole words all pieces of a word share their lot: else its other pieces give a name away,
        and where the name stood before need never be looked up. A name that stands nowhere else is not
        hidden: nobody could guess it, and what is learned would drown in its loss.
        """
        tokenizer, share = self.study.tokenizer, self.study.p.mask_share
        types = [_segments(one, chance) for one in blocks]
        batch = common.padded(tokenizer, blocks, types)
        ids = batch["input_ids"]
        special = torch.isin(ids, torch.tensor(tokenizer.all_special_ids))
        words, hopeless = self._grouped(ids, blocks)
        chosen = (torch.rand(ids.shape, generator=chance).gather(1, words) < share) & ~special & ~hopeless
        chosen[0, 1] |= not chosen.any()  # a loss needs at least one term
        how = torch.rand(ids.shape, generator=chance).gather(1, words)
        other = torch.randint(0, len(tokenizer), ids.shape, generator=chance)
        batch["labels"] = torch.where(chosen, ids, IGNORED)
        batch["input_ids"] = torch.where(
            chosen & (how < 0.8), tokenizer.mask_token_id, torch.where(chosen & (how > 0.9), other, ids)
        )
        return batch

    def _grouped(self, ids: Tensor, blocks: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
        """The number of each place's word in its row, (B, T), and whether the place cannot be guessed, (B, T).

        Unless whole words are asked for, each place is a word of its own and all can be guessed.
        """
        hopeless = torch.zeros(ids.shape, dtype=torch.bool)
        if not self.study.p.whole_words:
            return torch.arange(ids.shape[1]).expand_as(ids), hopeless
        for row, block in enumerate(blocks):
            words = self._words(block)
            alone = [self.passages[word] < RARE and words.count(word) == 1 for word in words for _ in word]
            hopeless[row, : len(alone)] = torch.tensor(alone)
        return (~self.inside[ids]).cumsum(1) - 1, hopeless

    def _words(self, block: Sequence[int]) -> list[tuple[int, ...]]:
        """The pieces of each word."""
        begins = [at for at, inside in enumerate(self.inside[list(block)].tolist()) if not inside or at == 0]
        return [tuple(block[left:right]) for left, right in itertools.pairwise([*begins, len(block)])]

    def weight(self, batch: dict[str, Tensor]) -> float:
        return float((batch["labels"] != IGNORED).sum())

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        return torch.stack([self._loss(part) for part in common.trimmed(batch, rows=ROWS)]).sum()

    def _loss(self, batch: dict[str, Tensor]) -> Tensor:
        logits, labels = self._at_hidden(batch)
        return nn.functional.cross_entropy(logits.float(), labels, reduction="sum")

    def _at_hidden(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Logits (M, V) and true pieces (M,) of the hidden places only: the vocabulary is wide."""
        inputs = {name: one for name, one in batch.items() if name != "labels"}
        hidden = batch["labels"] != IGNORED
        if hasattr(self.model, "bert") and hasattr(self.model, "cls"):
            states = self.model.bert(**inputs).last_hidden_state
            return self.model.cls(states[hidden]), batch["labels"][hidden]
        return self.model(**inputs).logits[hidden], batch["labels"][hidden]

    def begin(self) -> None:
        """The first look, before anything is learned."""
        self.evaluate(0, force=True)

    @torch.inference_mode()
    def evaluate(self, step: int, *, force: bool = False) -> float:
        """Loss on the same hidden places of held-out text, every time."""
        self.model.eval()
        chance = torch.Generator().manual_seed(17)
        total = right = count = 0.0
        for start in range(0, len(self.checks), ROWS):
            batch = self._hidden(self.checks[start : start + ROWS], chance)
            batch = {name: one.to(self.study.place.device) for name, one in batch.items()}
            with self.study.place.autocast():
                logits, labels = self._at_hidden(batch)
            total += float(nn.functional.cross_entropy(logits.float(), labels, reduction="sum"))
            right += float((logits.argmax(-1) == labels).sum())
            count += len(labels)
        job = self.study.job
        job.metric("loss", total / count, series="validation", step=step)
        job.metric("score", right / count, series="validation", step=step)
        job.metric("accuracy", right / count, series="validation", step=step)
        self.last = {"loss": total / count, "accuracy": right / count}
        with job.preview("filled in", force=force) as show:
            if show:
                self._show()
        return total / count

    def _show(self) -> None:
        """A few passages with what the network fills in, and a map of the held-out passages."""
        study = self.study
        study.job.artifact("examples", Spans, SpansDoc([fill(self.model, study, one) for one in self.held_out[:SHOWN]]))
        texts = self.held_out[:200]
        ids = common.tokenized(study, texts)
        features = np.zeros((len(ids), self.model.config.hidden_size), np.float32)
        for positions, _, hidden in common.outputs(self.model, study, ids):
            features[positions] = common.mean_features(hidden, [ids[at] for at in positions])
        items = [Item(reports.shortened(text)) for text in texts]
        reports.embedding(study.job, "embedding", features=features, items=items)

    def finish(self) -> dict[str, float]:
        """Numbers on the held-out text, and the model."""
        self.evaluate(self.steps, force=True)
        study, model = self.study, self.model
        for name, value in dropouts(model.config, 0.1).items():
            setattr(model.config, name, value)
        saved = adapters.merged(model)
        adapters.save_model(saved.half() if study.p.half else saved, study.tokenizer, study.folder)
        return {"masked_accuracy": self.last["accuracy"], "masked_loss": self.last["loss"]}

    steps = 0

    def card(self) -> dict[str, Any]:
        """What apply() needs to know."""
        return {"task": "masked words"}


def _network(study: Study) -> nn.Module:
    """A new small BERT around the tokenizer, or the backbone with its masked-word head."""
    p = study.p
    if not study.fresh:
        return backbones.load_for(p.backbone, "masked", seed=study.job.seed)
    from transformers import BertConfig, BertForMaskedLM

    torch.manual_seed(study.job.seed)
    config = BertConfig(
        vocab_size=len(study.tokenizer), hidden_size=p.width, num_hidden_layers=p.layers,
        num_attention_heads=max(1, p.width // 48), intermediate_size=4 * p.width,
        max_position_embeddings=max(256, p.max_length), pad_token_id=study.tokenizer.pad_token_id,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        initializer_range=0.7 * p.width**-0.5,  # BERT's 0.02 is for width 768; narrow networks start too flat
    )  # fmt: skip
    model = BertForMaskedLM(config)
    _spread_positions(model.bert.embeddings.position_embeddings.weight)
    return model


@torch.no_grad()
def _start_words(model: Any, blocks: Sequence[list[int]]) -> None:
    """Words (V, d) start from what stands together in the text, as loud as at random."""
    weight = model.get_input_embeddings().weight
    if len(weight) > vectors.LARGEST:
        raise InputError(
            "The vocabulary is too large to count which pieces stand together.",
            expected=f"at most {spaced(vectors.LARGEST)} word pieces",
            received=spaced(len(weight)),
            fix="Ask for a smaller vocabulary, or start the words at random.",
            field="word_vectors",
        )
    weight.copy_(weight.std() * torch.from_numpy(vectors.word_vectors(blocks[:MOST_COUNTED], *weight.shape)))


@torch.no_grad()
def _spread_positions(weight: Tensor) -> None:
    """Positions (T, d) start as waves of many lengths, as loud as the words: they learn from there.

    From random positions a network must find out for each place anew which one is its neighbour.
    """
    count, width = weight.shape
    angles = torch.arange(count)[:, None] * 1000.0 ** (-torch.arange(0, width, 2) / width)
    loud = weight.std() * 2**0.5
    weight[:, 0::2], weight[:, 1::2] = loud * angles.sin(), loud * angles.cos()


def _pieces(tokenizer: Any) -> list[str]:
    return list(tokenizer.convert_ids_to_tokens(range(len(tokenizer))))


def dropouts(config: Any, value: float) -> dict[str, float]:
    """The dropout settings that a configuration has: none while pretraining, some for fine-tuning."""
    names = ("hidden_dropout_prob", "attention_probs_dropout_prob")
    return {name: value for name in names if hasattr(config, name)}


def new_tokenizer(texts: Sequence[str], vocabulary: int) -> Any:
    """A cased WordPiece tokenizer that keeps accents: ı and i, ş and s stay different letters."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106
    pieces.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    pieces.train_from_iterator(
        texts,
        trainers.WordPieceTrainer(
            vocab_size=vocabulary, special_tokens=special, show_progress=False, initial_alphabet=list(ALPHABET)
        ),
    )
    pieces.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    named = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True))
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    make: Any = PreTrainedTokenizerFast
    return make(tokenizer_object=pieces, model_max_length=256, model_input_names=inputs, **named)


def cut(study: Study, texts: Sequence[str]) -> Iterator[list[int]]:
    """Every passage as token ids with the special ones; long passages in stretches of the longest input.

    Passages are not packed together: at this size a network learns about twice as fast per token
    when it need not find out first which of its neighbours belong to another text.
    """
    tokenizer, room = study.tokenizer, study.p.max_length - 2

    def stretches(some: list[str]) -> Iterator[list[int]]:
        for one in tokenizer([study.fold(text) for text in some], add_special_tokens=False)["input_ids"]:
            for at in range(0, max(len(one), 1), room):
                yield [tokenizer.cls_token_id, *one[at : at + room], tokenizer.sep_token_id]

    return in_portions(texts, PORTION, stretches)


def _segments(block: list[int], chance: torch.Generator | None) -> list[int]:
    """Token types: 1 behind a random place, so that both kinds are known when tasks pair texts."""
    turn = int(torch.randint(0, len(block), (1,), generator=chance))
    return [int(at > turn) for at in range(len(block))]


@torch.inference_mode()
def fill(model: nn.Module, study: Study, text: str, *, every: int = 6) -> SpannedText:
    """The text with every sixth piece hidden, one at a time, and what the network puts there."""
    model.eval()
    encoded = study.tokenizer(
        study.fold(text), truncation=True, max_length=study.p.max_length, return_offsets_mapping=True
    )
    ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
    places = [at for at in range(2, len(ids) - 1, every) if offsets[at][1] > offsets[at][0]]
    if not places:
        return SpannedText(text, [])
    batch = torch.tensor([ids] * len(places))
    batch[torch.arange(len(places)), torch.tensor(places)] = study.tokenizer.mask_token_id
    logits = model(input_ids=batch.to(study.place.device)).logits.float().cpu()
    spans = []
    for row, at in enumerate(places):
        chances = logits[row, at].softmax(-1)
        best = int(chances.argmax())
        said = study.tokenizer.convert_ids_to_tokens(best)
        spans.append(Span(offsets[at][0], offsets[at][1], said, round(float(chances[best]), 3)))
    names = study.tokenizer.convert_ids_to_tokens(ids)
    gold = [Span(offsets[at][0], offsets[at][1], names[at]) for at in places]
    return SpannedText(text, spans, gold)
