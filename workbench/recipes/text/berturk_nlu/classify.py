"""A class for each text: [CLS] and one linear layer, cross entropy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from workbench.core.documents import Item, Span, SpannedText, SpansDoc
from workbench.core.kinds import Spans
from workbench.engine import adapters, backbones
from workbench.engine.text import attribution, reports
from workbench.engine.text.examples import LabelledText, Splits

from . import common
from .common import BaseHead, Part, Study

SHOWN = 8
MOST_LOOKED_AT = 250
"""Validation examples of each look: the same ones every time."""
MOST_MAPPED = 400
MOST_FOR_BASE = 600
MOST_FOR_START = 2000


class Classifying:
    """The objective, and what is shown of it."""

    better: Literal["high", "low"] = "high"

    def __init__(self, study: Study, splits: Splits[LabelledText]) -> None:
        self.study, self.splits, self.steps = study, splits, 0
        self.labels = labels_of(splits)
        common.check_classes(self.labels, splits, field="label_column")
        self.model: nn.Module = backbones.load_for(
            study.p.backbone, "sequence", labels=self.labels, fresh=study.fresh, seed=study.job.seed
        )
        self.heads = common.head_names(self.model)
        self.ids = common.tokenized(study, [one.text for one in splits.train])
        self.targets = positions(splits.train, self.labels)
        self.weights = common.class_weights(self.targets, len(self.labels), study.p)
        self.held_out = [splits.validation[at] for at in _spread(len(splits.validation), MOST_LOOKED_AT)]
        self.held_out_ids = common.tokenized(study, [one.text for one in self.held_out])
        self.base: BaseHead | None = None
        self.weighing = common.Weighing(study.job)

    @property
    def examples(self) -> int:
        return len(self.ids)

    def parameter_groups(self) -> list[dict[str, Any]]:
        return common.parameter_groups(self.model, self.study.p, self.heads)

    def collate(self, indices: list[int]) -> dict[str, Tensor]:
        batch = common.padded(self.study.tokenizer, [self.ids[at] for at in indices])
        return batch | {"labels": torch.tensor([self.targets[at] for at in indices])}

    def weight(self, batch: dict[str, Tensor]) -> float:
        return float(self.weights[batch["labels"].cpu()].sum())

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        return torch.stack([self._loss(part) for part in common.trimmed(batch)]).sum()

    def _loss(self, batch: dict[str, Tensor]) -> Tensor:
        inputs = {name: one for name, one in batch.items() if name != "labels"}
        logits = self.model(**inputs).logits.float()
        return nn.functional.cross_entropy(logits, batch["labels"], weight=self.weights.to(logits), reduction="sum")

    # ------------------------------------------------------------ looking

    def begin(self) -> None:
        """What frozen features give: the base head, its confusion, the map of the untouched encoder."""
        study, job = self.study, self.study.job
        self.base = BaseHead.load(study.folder)
        if job.checkpoint() is not None:
            self._explain("before tuning", before=True)
            return
        job.log("The score is macro F1: the mean over the classes, each with the same say.")
        held_out = self._measure(self.held_out_ids, self.held_out)
        if not study.fresh:
            wanted = len(self.ids) if study.p.adapt == "linear probe" else MOST_FOR_BASE
            chosen = _spread(len(self.ids), wanted)
            known = self._measure([self.ids[at] for at in chosen], None).features
            truth = np.asarray([self.targets[at] for at in chosen])
            self.base = common.fit_base_head(
                known, truth, len(self.labels), balanced=study.p.class_weights == "balanced",
                validation=(held_out.features, np.asarray(positions(self.held_out, self.labels))),
            )  # fmt: skip
            self.base.save(study.folder)
            held_out.logits = list(self.base.logits(held_out.features))
        self._numbers(held_out, step=0, series="validation" if self.base is None else "linear layer on frozen features")
        with job.preview("the start", force=True):
            self._show(held_out, self.held_out, title="before tuning")
            self._explain("before tuning", before=True)
        if not study.fresh:
            self._start_head()

    def _start_head(self) -> None:
        """Begin from the probe of what the head itself receives, so that tuning does not first undo the encoder.

        Linear probing then fine-tuning: Kumar et al. 2022 (arXiv 2202.10054).
        """
        if self.study.p.head_start != "probe":
            return
        self.study.job.phase("fitting the first head")
        chosen = _spread(len(self.ids), MOST_FOR_START)
        known = self._received([self.ids[at] for at in chosen])
        if known is None:
            self.study.job.log("This network's head is not one linear layer; it starts from random weights.", "warning")
            return
        seen = self._received(self.held_out_ids)
        assert seen is not None
        start = common.fit_base_head(
            known, np.asarray([self.targets[at] for at in chosen]), len(self.labels),
            balanced=self.study.p.class_weights == "balanced",
            validation=(seen, np.asarray(positions(self.held_out, self.labels))),
        )  # fmt: skip
        layer = self._last_layer()
        assert layer is not None
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(start.weight))
            layer.bias.copy_(torch.from_numpy(start.bias))

    def _last_layer(self) -> nn.Linear | None:
        """The linear layer that gives the classes' logits and learns."""
        found = [
            one for one in self.model.modules()
            if isinstance(one, nn.Linear) and one.out_features == len(self.labels) and one.weight.requires_grad
        ]  # fmt: skip
        return found[-1] if found and found[-1].bias is not None else None

    def _received(self, ids: Sequence[list[int]]) -> np.ndarray | None:
        """What the last layer is given for each text, (N, d); None where it is not one vector a text."""
        layer = self._last_layer()
        if layer is None:
            return None
        caught: list[Tensor] = []
        hook = layer.register_forward_pre_hook(lambda _, given: caught.append(given[0].detach().float().cpu()))
        features = np.zeros((len(ids), layer.in_features), np.float32)
        try:
            for at, _, _ in common.outputs(self.model, self.study, ids):
                if not caught or caught[-1].shape != (len(at), layer.in_features):
                    return None
                features[at] = caught.pop().numpy()
        finally:
            hook.remove()
        return features

    def evaluate(self, step: int) -> float:
        """Macro F1 on the validation data picks the best weights."""
        part = self._measure(self.held_out_ids, self.held_out)
        score = self._numbers(part, step=step, series="validation")
        with self.study.job.preview("validation") as show:
            if show:
                self._show(part, self.held_out, title=f"step {step}")
        return score

    def finish(self) -> dict[str, float]:
        """Numbers and pictures of the test data; the model."""
        study, test = self.study, list(self.splits.test)
        part = self._measure(common.tokenized(study, [one.text for one in test]), test)
        self._numbers(part, step=self.steps, series="test", examples=test)
        with study.job.preview("the end", force=True):
            self._show(part, test, title="test data, after tuning")
            self._explain("after tuning", before=False)
        guesses, truth = np.asarray(part.logits).argmax(-1), np.asarray(positions(test, self.labels))
        reports.outcomes(study.job, "outcomes", guesses == truth)
        adapters.save_model(self.model, study.tokenizer, study.folder)
        numbers = reports.classification_metrics(truth, guesses, self.labels)
        return numbers | self._base_numbers(test, truth)

    def _base_numbers(self, test: Sequence[LabelledText], truth: np.ndarray) -> dict[str, float]:
        """The base head on the test data: what a linear probe of the frozen encoder reaches."""
        if self.base is None:
            return {}
        encoder = backbones.load_encoder(self.study.p.backbone).to(self.study.place.device)
        ids = common.tokenized(self.study, [one.text for one in test])
        features = np.zeros((len(ids), self.base.weight.shape[1]), np.float32)
        for at, _, hidden in common.outputs(encoder, self.study, ids):
            features[at] = common.mean_features(hidden, [ids[one] for one in at])
        guesses = self.base.logits(features).argmax(-1)
        found = reports.classification_metrics(truth, guesses, self.labels)
        return {"probe_accuracy": found["accuracy"], "probe_macro_f1": found["macro_f1"]}

    def card(self) -> dict[str, Any]:
        """What apply() needs to know."""
        return {"task": "classification", "labels": self.labels}

    def _measure(self, ids: Sequence[list[int]], examples: Sequence[LabelledText] | None) -> Part:
        logits: list[np.ndarray] = [np.empty(0)] * len(ids)
        features = np.zeros((len(ids), _width(self.model)), np.float32)
        for at, out, hidden in common.outputs(self.model, self.study, ids):
            features[at] = common.mean_features(hidden, [ids[one] for one in at])
            for place, row in zip(at, out.logits.float().cpu().numpy(), strict=True):
                logits[place] = row
        loss = 0.0
        if examples is not None:
            chances = common.softmax(np.asarray(logits))
            truth = positions(examples, self.labels)
            loss = float(-np.log(chances[np.arange(len(truth)), truth] + 1e-12).mean())
        return Part(logits, features, loss)

    def _numbers(self, part: Part, *, step: int, series: str, examples: Sequence[LabelledText] | None = None) -> float:
        job, shown = self.study.job, examples or self.held_out
        guesses = np.asarray(part.logits).argmax(-1)
        found = reports.classification_metrics(positions(shown, self.labels), guesses, self.labels)
        if self.base is None or step or series == "validation":
            job.metric("loss", part.loss, series=series, step=step)
        job.metric("accuracy", found["accuracy"], series=series, step=step)
        job.metric("score", found["macro_f1"], series=series, step=step)
        return found["macro_f1"]

    def _show(self, part: Part, examples: Sequence[LabelledText], *, title: str) -> None:
        job = self.study.job
        chances = common.softmax(np.asarray(part.logits))
        guesses, truth = chances.argmax(-1), positions(examples, self.labels)
        items = reports.items_of(examples, self.labels, guesses, chances.max(-1))
        reports.confusion(job, "confusion", labels=self.labels, true=truth, predicted=guesses, items=items, title=title)
        reports.embedding(
            job, "embedding", features=part.features[:MOST_MAPPED], items=items[:MOST_MAPPED], title=title
        )
        reports.class_table(job, "per_class", labels=self.labels, true=truth, predicted=guesses, title=title)
        reports.worst(job, "worst", items, title=title)
        texts = [_said(items[at]) for at in _spread(len(items), SHOWN)]
        job.artifact("examples", Spans, SpansDoc(texts, labels=self.labels), title=title)

    def _explain(self, title: str, *, before: bool) -> None:
        """Weigh the words of one fixed sentence for the class it truly has."""
        study = self.study
        text, label = explained(study.p.explain, self.splits.test)
        model: nn.Module = Probe(self.model, self.base) if before and self.base else self.model
        target = self.labels.index(label) if label else None
        found = attribution.integrated_gradients(
            model, study.tokenizer, study.fold(text), target, max_length=study.p.max_length
        )
        found.note = f"towards {label!r}" if label else found.note
        self.weighing.add(found, title)


class Probe(nn.Module):
    """The frozen encoder with its base head, as a model that returns logits."""

    def __init__(self, model: Any, base: BaseHead) -> None:
        super().__init__()
        self.base_model = getattr(model, "base_model", model)
        self.config = model.config
        self.register_buffer("weight", torch.tensor(base.weight))
        self.register_buffer("bias", torch.tensor(base.bias))

    def get_input_embeddings(self) -> nn.Module:
        """The word embeddings, where attribution starts."""
        embeddings: nn.Module = self.base_model.get_input_embeddings()
        return embeddings

    def forward(self, attention_mask: Tensor | None = None, **inputs: Any) -> Any:
        """Logits (B, K) from the mean over tokens."""
        from transformers.modeling_outputs import SequenceClassifierOutput

        hidden = self.base_model(attention_mask=attention_mask, **inputs).last_hidden_state
        mask = torch.ones(hidden.shape[:2], device=hidden.device) if attention_mask is None else attention_mask
        features = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        weight, bias = self.weight.to(features), self.bias.to(features)
        return SequenceClassifierOutput(logits=features @ weight.T + bias)


def labels_of(splits: Splits[LabelledText]) -> list[str]:
    """The classes of the training data, numbers by value and words by letter."""
    from workbench.engine.text.examples import label_counts, label_order

    return sorted(label_counts(splits.train), key=label_order)


def positions(examples: Sequence[LabelledText], labels: Sequence[str]) -> list[int]:
    """The examples' classes as positions in `labels`."""
    place = {label: at for at, label in enumerate(labels)}
    return [place[one.label] for one in examples]


def explained(asked: str, test: Sequence[LabelledText]) -> tuple[str, str]:
    """The sentence to weigh and its class: the person's, or the first test text of middling length."""
    if asked:
        return asked, ""
    fitting = (one for one in test if 8 <= len(one.text.split()) <= 24)
    one = next(fitting, test[0])
    return one.text, one.label


def _said(item: Item) -> SpannedText:
    """A text with what the model says of it as one span over all of it."""
    gold = [Span(0, len(item.text), item.label)]
    return SpannedText(item.text, [Span(0, len(item.text), item.predicted, item.score)], gold, source=item.source)


def _spread(count: int, wanted: int) -> list[int]:
    """At most `wanted` positions spread evenly over `count`."""
    return [int(at) for at in np.unique(np.linspace(0, count - 1, min(count, wanted)).round())]


def _width(model: Any) -> int:
    return int(model.config.hidden_size)
