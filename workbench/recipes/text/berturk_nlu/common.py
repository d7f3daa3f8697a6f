"""What the tasks share: inputs padded by length, frozen features, the base head, learning rates."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn

from workbench.core.documents import SpannedText, SpansDoc
from workbench.core.job import Job
from workbench.core.kinds import Spans
from workbench.core.problem import InputError
from workbench.engine import adapters
from workbench.engine.devices import Place
from workbench.engine.text.examples import Splits

from .recipe import BerturkNlu

IGNORED = -100
BASE_HEAD = "base_head.safetensors"


@dataclasses.dataclass
class Study:
    """One task of one run: what every step needs. `prefix` names the task's metrics among four."""

    job: Job
    p: BerturkNlu
    place: Place
    tokenizer: Any
    folder: Path
    """Where the model goes."""
    name: str = ""

    @property
    def fresh(self) -> bool:
        """Whether the network starts from random weights."""
        return self.p.model == "random init"

    def fold(self, text: str) -> str:
        """The text as the tokenizer should see it: Turkish capitals are folded before lower-casing."""
        return folded(text, self.p.language, self.tokenizer)


@dataclasses.dataclass
class Part:
    """Model outputs over a list of inputs, in the inputs' order."""

    logits: list[np.ndarray]
    features: np.ndarray
    """Mean of the last layer over each input's tokens, (N, d) float32."""
    loss: float


def folded(text: str, language: str, tokenizer: Any) -> str:
    """The text with Turkish I and İ folded where an uncased tokenizer would get them wrong.

    The length never changes, so character positions stay valid.
    """
    if language == "turkish" and is_uncased(tokenizer):
        return text.replace("I", "ı").replace("İ", "i")
    return text


def is_uncased(tokenizer: Any) -> bool:
    """Whether the tokenizer lower-cases its input."""
    return bool(tokenizer.tokenize("Aa") == tokenizer.tokenize("aa"))


def tokenized(study: Study, texts: Sequence[str]) -> list[list[int]]:
    """Token ids with the special ones, cut at the longest input."""
    encoded = study.tokenizer([study.fold(text) for text in texts], truncation=True, max_length=study.p.max_length)
    return list(encoded["input_ids"])


def padded(tokenizer: Any, ids: Sequence[list[int]], types: Sequence[list[int]] | None = None) -> dict[str, Tensor]:
    """Inputs of one batch, (B, T), padded to the longest."""
    longest = max(map(len, ids))
    pad = tokenizer.pad_token_id or 0
    batch = {
        "input_ids": torch.tensor([one + [pad] * (longest - len(one)) for one in ids]),
        "attention_mask": torch.tensor([[1] * len(one) + [0] * (longest - len(one)) for one in ids]),
    }
    if types is not None and "token_type_ids" in tokenizer.model_input_names:
        batch["token_type_ids"] = torch.tensor([one + [0] * (longest - len(one)) for one in types])
    return batch


def trimmed(batch: dict[str, Tensor], *, rows: int = 4) -> list[dict[str, Tensor]]:
    """On the CPU: the batch in groups of like length, each cut to its own longest; elsewhere as it is.

    Texts differ in length, and a processor, unlike a GPU, pays for every padded place: half the
    time of a step on single sentences.
    """
    mask = batch["attention_mask"]
    if mask.device.type != "cpu" or len(mask) <= rows:
        return [batch]
    lengths = mask.sum(1)
    order = lengths.argsort(stable=True)
    groups = []
    for at in range(0, len(order), rows):
        chosen = order[at : at + rows]
        longest, padded_to = int(lengths[chosen].max()), mask.shape[1]
        groups.append({
            name: one[chosen, :longest] if one.ndim > 1 and one.shape[1] == padded_to else one[chosen]
            for name, one in batch.items()
        })  # fmt: skip
    return groups


def by_length(ids: Sequence[Sequence[int]], *, size: int = 32) -> Iterator[list[int]]:
    """Positions in groups of like length, so that little is padded."""
    order = sorted(range(len(ids)), key=lambda at: len(ids[at]))
    for start in range(0, len(order), size):
        yield order[start : start + size]


@torch.inference_mode()
def outputs(
    model: nn.Module, study: Study, ids: Sequence[list[int]], types: Sequence[list[int]] | None = None
) -> Iterator[tuple[list[int], Any, Tensor]]:
    """(positions, model output, last hidden states (B, T, d)) batch by batch, without dropout."""
    model.eval()
    done = 0
    for positions in by_length(ids):
        study.job.progress(done, len(ids))
        done += len(positions)
        batch = padded(study.tokenizer, [ids[at] for at in positions], types and [types[at] for at in positions])
        batch = {name: one.to(study.place.device) for name, one in batch.items()}
        with study.place.autocast():
            out = model(**batch, output_hidden_states=True)
        yield positions, out, out.hidden_states[-1].float()


def mean_features(hidden: Tensor, ids: Sequence[Sequence[int]]) -> np.ndarray:
    """Mean over each input's tokens of hidden states (B, T, d), as (B, d)."""
    lengths = torch.tensor([len(one) for one in ids], device=hidden.device)
    mask = torch.arange(hidden.shape[1], device=hidden.device)[None, :] < lengths[:, None]
    return np.asarray(((hidden * mask[..., None]).sum(1) / lengths[:, None]).cpu().numpy())


class Weighing:
    """The words of one fixed text as the untouched and as the tuned model weigh them, shown together."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.shown: list[SpannedText] = []

    def add(self, found: SpannedText, title: str) -> None:
        """Show one more weighing; where a resumed run weighs the start again, its picture is there already."""
        found.title = title
        self.shown.append(found)
        if len(self.shown) > 1 or self.job.checkpoint() is None:
            self.job.artifact("attribution", Spans, SpansDoc(list(self.shown), mode="scores"), title=title)


# ---------------------------------------------------------------- the base answer


@dataclasses.dataclass
class BaseHead:
    """A linear layer on frozen features, fitted before any tuning: what the start could already do."""

    weight: np.ndarray
    """(K, d) float32."""
    bias: np.ndarray
    """(K,) float32."""

    def logits(self, features: np.ndarray) -> np.ndarray:
        """(N, K) from (N, d)."""
        return np.asarray(features @ self.weight.T + self.bias)

    def save(self, folder: Path) -> None:
        """Write base_head.safetensors into a model folder."""
        save_file({"weight": self.weight, "bias": self.bias}, folder / BASE_HEAD)

    @staticmethod
    def load(folder: Path) -> BaseHead | None:
        """The base head of a model folder, if it has one."""
        if not (folder / BASE_HEAD).exists():
            return None
        arrays = load_file(folder / BASE_HEAD)
        return BaseHead(arrays["weight"], arrays["bias"])


def fit_base_head(
    features: np.ndarray,
    targets: np.ndarray,
    classes: int,
    *,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    balanced: bool = False,
) -> BaseHead:
    """Logistic regression from features (N, d) to targets (N,); its C is tuned where validation is given.

    Classes that never occur get a logit far below the others.
    """
    from sklearn.linear_model import LogisticRegression

    centre, spread = features.mean(0), features.std(0) + 1e-6
    scaled = (features - centre) / spread
    best: tuple[float, Any] | None = None
    for strength in (0.003, 0.03, 0.3) if validation else (0.03,):
        model = LogisticRegression(C=strength, max_iter=300, class_weight="balanced" if balanced else None)
        model.fit(scaled, targets)
        reached = model.score((validation[0] - centre) / spread, validation[1]) if validation else 0.0
        if best is None or reached > best[0]:
            best = reached, model
    assert best is not None
    return _as_head(best[1], classes, centre, spread)


def _as_head(model: Any, classes: int, centre: np.ndarray, spread: np.ndarray) -> BaseHead:
    weight = np.zeros((classes, len(centre)), np.float32)
    bias = np.full(classes, -30.0, np.float32)
    seen = model.classes_
    if len(seen) == 2:  # one row for the second class
        weight[seen[1]], bias[seen[0]], bias[seen[1]] = model.coef_[0] / spread, 0.0, model.intercept_[0]
    else:
        weight[seen], bias[seen] = model.coef_ / spread, model.intercept_
    bias[seen] -= weight[seen] @ centre
    return BaseHead(weight, bias)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities over the last axis."""
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(-1, keepdims=True))


# ---------------------------------------------------------------- learning


def head_names(model: nn.Module) -> frozenset[str]:
    """Names of the parameters outside the encoder, before any adapter is put on."""
    inside = {id(one) for one in model.base_model.parameters()}  # type: ignore[union-attr]
    fresh: frozenset[str] = getattr(model, "fresh_weights", frozenset())
    outside = {name for name, one in model.named_parameters() if id(one) not in inside}
    return frozenset(outside if len(fresh) == len(list(model.parameters())) else outside | fresh)


def parameter_groups(model: nn.Module, p: BerturkNlu, heads: frozenset[str]) -> list[dict[str, Any]]:
    """The adaptation's groups, with the head's rate raised by its factor."""
    mine = {
        id(one) for name, one in model.named_parameters()
        if name.replace("base_model.model.", "").replace(".modules_to_save.default", "") in heads
    }  # fmt: skip
    groups = []
    for group in adapters.parameter_groups(model, p):
        for is_head in (False, True):
            kept = [one for one in group["params"] if (id(one) in mine) == is_head]
            if kept:
                groups.append(group | {"params": kept, "lr": group["lr"] * (p.head_rate if is_head else 1.0)})
    return groups


def class_weights(targets: Sequence[int], classes: int, p: BerturkNlu) -> Tensor:
    """One weight per class, (K,): all one, or so that every class weighs the same in sum."""
    if p.class_weights == "none":
        return torch.ones(classes)
    counts = np.bincount(np.asarray(targets), minlength=classes)
    return torch.tensor(len(targets) / (classes * np.maximum(counts, 1)), dtype=torch.float32)


def check_classes(labels: Sequence[str], splits: Splits[Any], *, field: str) -> None:
    """Raise InputError unless there are two classes to tell apart."""
    if len(labels) < 2:
        raise InputError(
            "All rows have the same class: there is nothing to learn.",
            expected="at least two different classes",
            received=f"only {labels[0]!r}" if labels else f"no class in {len(splits.train)} rows",
            fix="Choose the column that holds the class, or give rows of another class.",
            field=field,
        )
