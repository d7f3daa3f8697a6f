"""Names in texts: a linear layer over every word's first piece, exact spans counted by seqeval."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from workbench.core.documents import Column, Item, Span, SpannedText, SpansDoc, TableDoc
from workbench.core.kinds import Spans, Table
from workbench.core.problem import InputError
from workbench.engine import adapters, backbones
from workbench.engine.text import attribution, reports
from workbench.engine.text.examples import Splits, TaggedSentence, label_order

from . import common
from .common import IGNORED, BaseHead, Study

SHOWN = 8
MOST_LOOKED_AT = 300
MOST_MAPPED = 400
MOST_BASE_WORDS = 6000


class Pieces:
    """Sentences cut into inputs of the longest length at word bounds; every word keeps one place."""

    def __init__(self, study: Study, sentences: Sequence[Sequence[str]]) -> None:
        self.ids: list[list[int]] = []
        self.firsts: list[list[int]] = []
        """Per input: the position of each of its words' first piece."""
        self.of: list[tuple[int, int]] = []
        """Per input: its sentence, and the number of its first word."""
        for at, words in enumerate(sentences):
            for begin, ids, firsts in _chunks(study, words):
                self.ids.append(ids)
                self.firsts.append(firsts)
                self.of.append((at, begin))


def _chunks(study: Study, words: Sequence[str]) -> Iterator[tuple[int, list[int], list[int]]]:
    """(first word, ids, places of the words' first pieces) of each stretch that fits."""
    tokenizer, room = study.tokenizer, study.p.max_length - 2
    folded = [study.fold(word) for word in words]
    pieces = tokenizer(folded, add_special_tokens=False)["input_ids"] if folded else []
    begin, ids, firsts = 0, list[int](), list[int]()
    for at, one in enumerate(pieces):
        own = (one or [tokenizer.unk_token_id])[:room]
        if ids and len(ids) + len(own) > room:
            yield begin, _framed(tokenizer, ids), firsts
            begin, ids, firsts = at, [], []
        firsts.append(len(ids) + 1)
        ids = [*ids, *own]
    if ids:
        yield begin, _framed(tokenizer, ids), firsts


def _framed(tokenizer: Any, ids: list[int]) -> list[int]:
    framed: list[int] = [tokenizer.cls_token_id, *ids, tokenizer.sep_token_id]
    return framed


class Tagging:
    """The objective, and what is shown of it."""

    better: Literal["high", "low"] = "high"

    def __init__(self, study: Study, splits: Splits[TaggedSentence]) -> None:
        self.study, self.splits, self.steps = study, splits, 0
        self.tags = tags_of(splits)
        self.model: Any = backbones.load_for(
            study.p.backbone, "token", labels=self.tags, fresh=study.fresh, seed=study.job.seed
        )
        self.heads = common.head_names(self.model)
        self.place = {tag: at for at, tag in enumerate(self.tags)}
        self.pieces = Pieces(study, [one.tokens for one in splits.train])
        self.targets = [self._targets(at) for at in range(len(self.pieces.ids))]
        said = [tag for row in self.targets for tag in row if tag != IGNORED]
        self.weights = common.class_weights(said, len(self.tags), study.p)
        self.held_out = list(splits.validation)[:MOST_LOOKED_AT]
        self.base: BaseHead | None = None
        self.weighing = common.Weighing(study.job)

    def _targets(self, at: int) -> list[int]:
        """The tag of every piece: a word's own on its first piece, nothing elsewhere."""
        row = [IGNORED] * len(self.pieces.ids[at])
        sentence, begin = self.pieces.of[at]
        for offset, place in enumerate(self.pieces.firsts[at]):
            row[place] = self.place[self.splits.train[sentence].tags[begin + offset]]
        return row

    @property
    def examples(self) -> int:
        return len(self.pieces.ids)

    def parameter_groups(self) -> list[dict[str, Any]]:
        return common.parameter_groups(self.model, self.study.p, self.heads)

    def collate(self, indices: list[int]) -> dict[str, Tensor]:
        batch = common.padded(self.study.tokenizer, [self.pieces.ids[at] for at in indices])
        longest = batch["input_ids"].shape[1]
        rows = [self.targets[at] + [IGNORED] * (longest - len(self.targets[at])) for at in indices]
        return batch | {"labels": torch.tensor(rows)}

    def weight(self, batch: dict[str, Tensor]) -> float:
        labels = batch["labels"].cpu()
        return float(self.weights[labels[labels != IGNORED]].sum())

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        return torch.stack([self._loss(part) for part in common.trimmed(batch)]).sum()

    def _loss(self, batch: dict[str, Tensor]) -> Tensor:
        inputs = {name: one for name, one in batch.items() if name != "labels"}
        logits = self.model(**inputs).logits.float().flatten(0, 1)
        return nn.functional.cross_entropy(
            logits, batch["labels"].flatten(), weight=self.weights.to(logits), ignore_index=IGNORED, reduction="sum"
        )

    # ------------------------------------------------------------ looking

    def begin(self) -> None:
        """What a linear layer on frozen features gives, and the map of the untouched encoder."""
        study, job = self.study, self.study.job
        self.base = BaseHead.load(study.folder)
        if job.checkpoint() is not None:
            self._explain("before tuning", before=True)
            return
        found = self._read(self.held_out)
        series = "validation"
        if not study.fresh:
            self._fit_base()
            assert self.base is not None
            found.logits = [self.base.logits(rows) for rows in found.features]
            series = "linear layer on frozen features"
        self._numbers(found, self.held_out, step=0, series=series)
        with job.preview("the start", force=True):
            self._show(found, self.held_out, title="before tuning")
            self._explain("before tuning", before=True)

    def _fit_base(self) -> None:
        chosen: list[TaggedSentence] = []
        for one in self.splits.train:
            chosen.append(one)
            if sum(len(some.tokens) for some in chosen) > MOST_BASE_WORDS:
                break
        features = np.concatenate(self._read(chosen).features)
        truth = np.asarray([self.place[tag] for one in chosen for tag in one.tags])
        self.base = common.fit_base_head(features, truth, len(self.tags))
        self.base.save(self.study.folder)

    def evaluate(self, step: int) -> float:
        """Entity F1 on the validation data picks the best weights."""
        found = self._read(self.held_out)
        score = self._numbers(found, self.held_out, step=step, series="validation")
        with self.study.job.preview("validation") as show:
            if show:
                self._show(found, self.held_out, title=f"step {step}")
        return score

    def finish(self) -> dict[str, float]:
        """Numbers and pictures of the test data; the model."""
        study, test = self.study, list(self.splits.test)
        found = self._read(test)
        self._numbers(found, test, step=self.steps, series="test")
        with study.job.preview("the end", force=True):
            self._show(found, test, title="test data, after tuning")
            self._explain("after tuning", before=False)
        guesses = self._decoded(found.logits)
        write_outcomes(study, "outcomes", test, guesses)
        adapters.save_model(self.model, study.tokenizer, study.folder)
        return entity_metrics([one.tags for one in test], guesses)

    def card(self) -> dict[str, Any]:
        """What apply() needs to know."""
        return {"task": "entities", "labels": self.tags}

    def _read(self, sentences: Sequence[TaggedSentence]) -> Reading:
        return read_words(self.model, self.study, [one.tokens for one in sentences])

    def _decoded(self, logits: Sequence[np.ndarray]) -> list[list[str]]:
        return [[self.tags[int(at)] for at in rows.argmax(-1)] if len(rows) else [] for rows in logits]

    def _numbers(self, found: Reading, sentences: Sequence[TaggedSentence], *, step: int, series: str) -> float:
        job, guesses = self.study.job, self._decoded(found.logits)
        numbers = entity_metrics([one.tags for one in sentences], guesses)
        losses = [
            -np.log(common.softmax(rows)[np.arange(len(rows)), [self.place[tag] for tag in one.tags]] + 1e-12)
            for rows, one in zip(found.logits, sentences, strict=True) if len(rows)
        ]  # fmt: skip
        if step or series == "validation":
            job.metric("loss", float(np.concatenate(losses).mean()), series=series, step=step)
        for name, value in (numbers | {"score": numbers["span_f1"]}).items():
            job.metric(name, value, series=series, step=step)
        return numbers["span_f1"]

    def _show(self, found: Reading, sentences: Sequence[TaggedSentence], *, title: str) -> None:
        job, guesses = self.study.job, self._decoded(found.logits)
        sure = [common.softmax(rows).max(-1) if len(rows) else np.zeros(0) for rows in found.logits]
        show_sentences(job, sentences, guesses, sure, title=title)
        show_words(job, sentences, guesses, found.features, title=title)

    def _explain(self, title: str, *, before: bool) -> None:
        """Weigh the words around one name of a fixed sentence for the type that it has."""
        study = self.study
        sentence, word = explained(self.splits.test)
        model: nn.Module = WordProbe(self.model, self.base) if before and self.base else self.model
        target = (sentence.offsets[word][0], self.place[sentence.tags[word]])
        found = attribution.integrated_gradients(
            model, study.tokenizer, study.fold(sentence.text), target, max_length=study.p.max_length
        )
        found.note = f"what makes {sentence.tokens[word]!r} a {sentence.tags[word]}"
        self.weighing.add(found, title)


class Reading:
    """Per sentence: logits (W, K) and features (W, d) of its words."""

    def __init__(self, logits: list[np.ndarray], features: list[np.ndarray]) -> None:
        self.logits, self.features = logits, features


def read_words(model: Any, study: Study, sentences: Sequence[Sequence[str]]) -> Reading:
    """What the model says at every word's first piece."""
    pieces = Pieces(study, sentences)
    width, classes = model.config.hidden_size, model.config.num_labels
    logits = [np.zeros((len(words), classes), np.float32) for words in sentences]
    features = [np.zeros((len(words), width), np.float32) for words in sentences]
    for positions, out, hidden in common.outputs(model, study, pieces.ids):
        said = out.logits.float().cpu().numpy() if hasattr(out, "logits") else None
        states = hidden.cpu().numpy()
        for row, at in enumerate(positions):
            sentence, begin = pieces.of[at]
            firsts = pieces.firsts[at]
            if said is not None:
                logits[sentence][begin : begin + len(firsts)] = said[row, firsts]
            features[sentence][begin : begin + len(firsts)] = states[row, firsts]
    return Reading(logits, features)


class WordProbe(nn.Module):
    """The frozen encoder with the base head on every piece."""

    def __init__(self, model: Any, base: BaseHead) -> None:
        super().__init__()
        self.base_model = getattr(model, "base_model", model)
        self.config = model.config
        self.register_buffer("weight_t", torch.tensor(base.weight).T)
        self.register_buffer("bias", torch.tensor(base.bias))

    def get_input_embeddings(self) -> nn.Module:
        """The word embeddings, where attribution starts."""
        embeddings: nn.Module = self.base_model.get_input_embeddings()
        return embeddings

    def forward(self, **inputs: Any) -> Any:
        """Logits (B, T, K)."""
        from transformers.modeling_outputs import TokenClassifierOutput

        hidden = self.base_model(**inputs).last_hidden_state
        return TokenClassifierOutput(logits=hidden @ self.weight_t.to(hidden) + self.bias.to(hidden))


def tags_of(splits: Splits[TaggedSentence]) -> list[str]:
    """'O' and the tags of the training data; raises InputError when there is nothing but 'O'."""
    found = sorted({tag for one in splits.train for tag in one.tags} - {"O"}, key=label_order)
    if not found:
        raise InputError(
            "No word of the training data carries a tag.",
            expected="words tagged B-… and I-…",
            received="only 'O'",
            fix="Choose a file whose last column holds the tags.",
            field="data",
        )
    begun = {tag[2:] for tag in found if tag.startswith("B-")}
    inside = {f"I-{kind}" for kind in begun} | {f"B-{tag[2:]}" for tag in found if tag.startswith("I-")}
    return ["O", *sorted({*found, *inside}, key=label_order)]


def spans_of(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    """(type, first word, word behind the last) of every entity; a stray I- begins one."""
    found: list[tuple[str, int, int]] = []
    for at, tag in enumerate(tags):
        if tag == "O":
            continue
        kind = tag[2:] if tag[:2] in ("B-", "I-") else tag
        goes_on = tag.startswith("I-") and found and found[-1][0] == kind and found[-1][2] == at
        if goes_on:
            found[-1] = (kind, found[-1][1], at + 1)
        else:
            found.append((kind, at, at + 1))
    return found


def entity_metrics(truth: Sequence[Sequence[str]], guesses: Sequence[Sequence[str]]) -> dict[str, float]:
    """span_f1, span_precision, span_recall over exact entities (seqeval, micro)."""
    from seqeval.metrics.sequence_labeling import precision_recall_fscore_support

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # seqeval warns of types that never occur
        precision, recall, f1, _ = precision_recall_fscore_support(
            [list(one) for one in truth], [list(one) for one in guesses], average="micro", zero_division=0
        )
    return {"span_f1": float(f1), "span_precision": float(precision), "span_recall": float(recall)}


def write_outcomes(
    study: Study, slot: str, sentences: Sequence[TaggedSentence], guesses: Sequence[Sequence[str]]
) -> None:
    """Per sentence: entities found, entities made up, entities missed."""
    reports.outcomes(study.job, slot, counts_of(sentences, guesses), columns=("found", "made up", "missed"))


def counts_of(sentences: Sequence[TaggedSentence], guesses: Sequence[Sequence[str]]) -> np.ndarray:
    """True positives, false positives and false negatives per sentence, (N, 3)."""
    rows = []
    for one, said in zip(sentences, guesses, strict=True):
        truth, mine = set(spans_of(one.tags)), set(spans_of(said))
        rows.append((len(truth & mine), len(mine - truth), len(truth - mine)))
    return np.asarray(rows, np.float32)


# ---------------------------------------------------------------- pictures


def spanned(
    sentence: TaggedSentence, tags: Sequence[str], sure: Sequence[float] | np.ndarray | None = None
) -> list[Span]:
    """Entities as characters of the sentence's text."""
    offsets = sentence.offsets
    return [
        Span(offsets[first][0], offsets[last - 1][1], kind,
             round(float(np.mean(sure[first:last])), 3) if sure is not None else 1.0)
        for kind, first, last in spans_of(tags)
    ]  # fmt: skip


def show_sentences(
    job: Any, sentences: Sequence[TaggedSentence], guesses: Sequence[Sequence[str]],
    sure: Sequence[Sequence[float] | np.ndarray], *, title: str,
) -> None:  # fmt: skip
    """Examples with predicted and true names, the table by type, the sentences with the surest mistakes."""
    kinds = sorted({kind for one in sentences for kind, _, _ in spans_of(one.tags)})
    texts = [
        SpannedText(one.text, spanned(one, said, scores), spanned(one, one.tags), source=one.source)
        for one, said, scores in zip(sentences[:SHOWN], guesses, sure, strict=False)
    ]
    job.artifact("examples", Spans, SpansDoc(texts, labels=kinds), title=title)
    job.artifact("per_class", Table, _type_table(sentences, guesses), title=title)
    items = [
        Item(reports.shortened(one.text), _named(one, one.tags), _named(one, said),
             round(float(np.mean(scores)), 3) if len(scores) else 0.0, one.split, one.source)
        for one, said, scores in zip(sentences, guesses, sure, strict=True)
    ]  # fmt: skip
    reports.worst(job, "worst", items, title=title)


def _named(sentence: TaggedSentence, tags: Sequence[str]) -> str:
    found = spans_of(tags)
    return ", ".join(f"{' '.join(sentence.tokens[a:b])} ({kind})" for kind, a, b in found) or "none"


def _type_table(sentences: Sequence[TaggedSentence], guesses: Sequence[Sequence[str]]) -> TableDoc:
    from seqeval.metrics import classification_report

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = classification_report(
            [list(one.tags) for one in sentences], [list(one) for one in guesses], output_dict=True, zero_division=0
        )
    columns = [
        Column("type", "text"), Column("precision", best="high"), Column("recall", best="high"),
        Column("F1", best="high"), Column("entities", digits=0),
    ]  # fmt: skip
    rows = [
        [kind, *(round(float(row[name]), 4) for name in ("precision", "recall", "f1-score")), int(row["support"])]
        for kind, row in report.items() if not kind.endswith(" avg")
    ]  # fmt: skip
    return TableDoc(columns, rows, "exact spans")


def show_words(
    job: Any, sentences: Sequence[TaggedSentence], guesses: Sequence[Sequence[str]],
    features: Sequence[np.ndarray], *, title: str,
) -> None:  # fmt: skip
    """Confusion of types and map of the words that are, or are taken for, part of a name."""
    kinds = [
        "O",
        *sorted({kind for tags in (*guesses, *(one.tags for one in sentences)) for kind in map(_kind, tags)} - {"O"}),
    ]
    truth, said, items, rows = list[int](), list[int](), list[Item](), list[np.ndarray]()
    for at, (one, mine) in enumerate(zip(sentences, guesses, strict=True)):
        for word, (tag, guess) in enumerate(zip(one.tags, mine, strict=True)):
            if tag == "O" and guess == "O":
                continue
            truth.append(kinds.index(_kind(tag)))
            said.append(kinds.index(_kind(guess)))
            items.append(Item(_around(one, word), _kind(tag), _kind(guess), 1.0, one.split, one.source))
            rows.append(features[at][word] if len(features) else np.zeros(2, np.float32))
    reports.confusion(job, "confusion", labels=kinds, true=truth, predicted=said, items=items, title=title)
    if rows and len(features):
        reports.embedding(
            job, "embedding", features=np.stack(rows[:MOST_MAPPED]), items=items[:MOST_MAPPED], title=title
        )


def _kind(tag: str) -> str:
    return tag[2:] if tag[:2] in ("B-", "I-") else tag


def _around(sentence: TaggedSentence, word: int) -> str:
    tokens = sentence.tokens
    return " ".join((*tokens[max(0, word - 6) : word], f"[{tokens[word]}]", *tokens[word + 1 : word + 7]))


def explained(test: Sequence[TaggedSentence]) -> tuple[TaggedSentence, int]:
    """The first test sentence of middling length with a name, and the name's first word."""
    named = [one for one in test if any(tag != "O" for tag in one.tags)]
    fitting = (one for one in named if 5 <= len(one.tokens) <= 24)
    sentence = next(fitting, named[0] if named else test[0])
    return sentence, next((at for at, tag in enumerate(sentence.tags) if tag != "O"), 0)
