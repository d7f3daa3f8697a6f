"""The paper's networks, its joint loss, and the course of a run.

Shared encoder H = E(x), (B, T, d). Each task has a branch of its own on H. A discriminator reads
the masked mean of H through a gradient reversal and tells which task the window came from:
L = L_punctuation + alpha * L_pos + L_discriminator, on pairs of batches, one from each corpus.
Source: arXiv 2004.00248; branch sizes, weights and the schedule are our own specification.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.engine import adapters, backbones, rng
from workbench.engine.devices import Place, place_of
from workbench.engine.halves import freeze, halves
from workbench.engine.reversal import GradientReversal
from workbench.engine.text.examples import TaggedSentence
from workbench.engine.training import fit

from . import readers, show
from .data import READ_BATCH, Reader, Stream, masked_mean, spread, stream
from .recipe import PunctuationAdversarial
from .serve import Restorer
from .windows import IGNORED

DEV_WORDS = 20_000
"""Words of validation text looked at during training on a CPU; a large file would take longer than the training."""
MAP_WINDOWS = 150
PROBE_WINDOWS = 200
BASE_WORDS = 6_000


# Networks -----------------------------------------------------------------------------------


class Branch(nn.Module):
    """A task's private layers: (B, T, d) to (B, T, classes)."""

    def __init__(self, width: int, classes: int, params: PunctuationAdversarial) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, 64, batch_first=True, bidirectional=True) if params.branch_lstm else None
        self.hidden = nn.Linear(128 if params.branch_lstm else width, params.branch_width)
        self.dropout = nn.Dropout(params.dropout)
        self.out = nn.Linear(params.branch_width, classes)

    def forward(self, features: Tensor) -> Tensor:
        """Logits for every position."""
        if self.lstm is not None:
            features, _ = self.lstm(features)
        logits: Tensor = self.out(self.dropout(F.relu(self.hidden(features))))
        return logits


class Discriminator(nn.Module):
    """Which task does a window come from? Its reversed gradient reaches the shared features."""

    def __init__(self, width: int, ceiling: float) -> None:
        super().__init__()
        self.reversal = GradientReversal(ceiling=ceiling)
        self.hidden = nn.Linear(width, 64)
        self.out = nn.Linear(64, 2)

    def forward(self, pooled: Tensor) -> Tensor:
        """(B, d) to logits (B, 2): punctuation, parts of speech."""
        logits: Tensor = self.out(F.relu(self.hidden(self.reversal(pooled))))
        return logits


class Tagger(nn.Module):
    """The shared encoder with its branches; `bottom` and `top` are the encoder cut at the frozen depth."""

    def __init__(self, encoder: nn.Module, params: PunctuationAdversarial, tags: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.width = width = int(encoder.config.hidden_size)  # type: ignore[union-attr, arg-type]
        self.punctuation = Branch(width, len(readers.MARKS), params)
        self.pos = Branch(width, tags, params) if params.pos else None
        self.discriminator = Discriminator(width, params.lambda_max) if params.pos else None
        freeze(encoder, params.frozen_layers)
        # In a tuple, so that the halves, which share the encoder's layers, are not registered twice.
        self.halves = (halves(encoder, params.frozen_layers),)

    def shared(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """Features (B, T, d) of word pieces (B, T), or of the frozen layers' output (B, T, d)."""
        if inputs.is_floating_point():
            top = self.halves[0][1]  # type: ignore[index]
            features: Tensor = top(inputs_embeds=inputs, attention_mask=mask).last_hidden_state
        else:
            features = self.encoder(input_ids=inputs, attention_mask=mask).last_hidden_state
        return features


# Training -----------------------------------------------------------------------------------


class Joint:
    """The joint objective: a batch is a pair, one from each task; without a POS stream, punctuation alone."""

    def __init__(
        self, job: Job, model: Tagger, params: PunctuationAdversarial, marks: Stream, tags: Stream | None
    ) -> None:
        self.model: nn.Module = model
        self.job, self.tagger, self.params, self.marks, self.tags = job, model, params, marks, tags
        self.steps, self.per_epoch = 0, -(-len(marks) // params.batch)
        chance = np.random.default_rng(job.seed)
        self.partners = chance.permutation(len(tags)) if tags is not None else np.zeros(0, np.int64)
        self.untold: list[dict[str, Tensor]] = []

    @property
    def examples(self) -> int:
        return len(self.marks)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The tasks' branches at `branch_rate` times the learning rate, encoder and discriminator at it.

        A faster discriminator dies against the reversed gradient: its units go silent for good.
        """
        groups: list[dict[str, Any]] = []
        learning = [(name, one) for name, one in self.model.named_parameters() if one.requires_grad]
        for own, matrix in itertools.product((False, True), repeat=2):
            rate = self.params.learning_rate * (self.params.branch_rate if own else 1.0)
            chosen = [one for name, one in learning if _is_branch(name) is own and (one.ndim > 1) is matrix]
            groups.append({"params": chosen, "lr": rate, "weight_decay": self.params.weight_decay if matrix else 0.0})
        return [group for group in groups if group["params"]]

    def progress(self, fraction: float) -> None:
        """Before each step: move the adversary along its schedule, count the steps, tell the last losses."""
        self.tell()
        self.steps += 1
        if self.tagger.discriminator is not None:
            self.tagger.discriminator.reversal.progress(fraction)

    def collate(self, indices: list[int]) -> dict[str, dict[str, Tensor]]:
        """Windows of both tasks. A window's partner depends on the step only, not on micro-batches."""
        pair = {"marks": self.marks.batch(indices)}
        if self.tags is not None:
            passed = (max(self.steps, 1) - 1) // self.per_epoch * len(self.marks)
            pair["tags"] = self.tags.batch([self.partners[(passed + i) % len(self.partners)] for i in indices])
        return pair

    def weight(self, batch: dict[str, dict[str, Tensor]]) -> float:
        """The number of punctuation windows: losses of words are taken per average window, so they add up."""
        return float(len(batch["marks"]["labels"]))

    def loss(self, batch: dict[str, dict[str, Tensor]]) -> Tensor:
        """The sum over windows of L_punctuation + alpha * L_pos + L_discriminator."""
        marks, count = batch["marks"], len(batch["marks"]["labels"])
        features = self.tagger.shared(marks["inputs"], marks["mask"])
        punctuation = _words_loss(self.tagger.punctuation(features), marks["labels"]) / self.marks.labels_per_window
        told = {"punctuation loss": punctuation.detach() / count}
        total = punctuation
        if self.tags is not None and self.tagger.pos is not None and self.tagger.discriminator is not None:
            tags = batch["tags"]
            others = self.tagger.shared(tags["inputs"], tags["mask"])
            pos = _words_loss(self.tagger.pos(others), tags["labels"]) / self.tags.labels_per_window
            pooled = torch.cat([masked_mean(features, marks["mask"]), masked_mean(others, tags["mask"])])
            came_from = torch.arange(2, device=pooled.device).repeat_interleave(count)
            logits = self.tagger.discriminator(pooled)
            discriminator = F.cross_entropy(logits.float(), came_from, reduction="sum") / 2
            right = (logits.argmax(-1) == came_from).float().mean()
            told |= {
                "part-of-speech loss": pos.detach() / count,
                "discriminator loss": discriminator.detach() / count,
                "discriminator accuracy": right,
            }
            total = total + self.params.alpha * pos + discriminator
        self.untold.append(told)
        return total

    def tell(self) -> None:
        """Write the parts of the last step's loss; on a GPU only every tenth step, reading waits for it."""
        if not self.untold or (self.untold[0]["punctuation loss"].is_cuda and len(self.untold) < 10):
            return
        for name in self.untold[0]:
            value = torch.stack([told[name] for told in self.untold]).mean().item()
            self.job.metric("joint", value, series=name)
        if self.tags is not None:
            self.job.metric("joint", 0.5, series="chance")
        self.untold.clear()

    def state(self) -> dict[str, int]:
        self.tell()
        return {"steps": self.steps}

    def load_state(self, state: dict[str, int]) -> None:
        self.steps = state["steps"]


def _is_branch(name: str) -> bool:
    return name.startswith(("punctuation.", "pos."))


def _words_loss(logits: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum")


@dataclasses.dataclass
class Streams:
    """Every text of a run; `tags` and `tags_held_out` may be missing."""

    train: Stream
    dev: Stream
    test: Stream
    test_asr: Stream | None
    tags: Stream | None
    tags_held_out: Stream | None
    tag_names: tuple[str, ...]


def train(job: Job, params: PunctuationAdversarial) -> None:
    """Load, train, test, save: the whole course of a run."""
    place = place_of(job)
    rng.seed(job.seed)
    job.phase("reading text")
    tokenizer = backbones.load_tokenizer(params.backbone)
    streams = _load(job, params, tokenizer, place)
    encoder = backbones.load_encoder(params.backbone, fresh=params.init == "random", seed=job.seed)
    model = Tagger(encoder, params, max(len(streams.tag_names), 2)).to(place.device)
    reader = Reader(model, place)
    job.phase("reading through the frozen layers")
    for one in (streams.train, streams.dev, streams.test, streams.test_asr, streams.tags, streams.tags_held_out):
        if one is not None:
            reader.cache(one)
    base = _base_head(streams.train, reader) if params.keep_model else None
    objective = Joint(job, model, params, streams.train, streams.tags if params.pos else None)
    eye = _Eye(job, model, reader, streams)
    fitted = fit(job, objective, params, place=place, evaluate=eye.evaluate)
    objective.tell()
    job.phase("testing")
    eye.show(force=True)
    if fitted.best_value is not None:
        job.result("dev_f1", fitted.best_value)
    if (accuracy := eye.discriminator_accuracy()) is not None:
        job.result("discriminator_accuracy", accuracy)
    _test(job, model, reader, streams)
    _probe(job, reader, streams, seed=job.seed)
    if base is not None:
        _save(job, params, model, tokenizer=tokenizer, tags=streams.tag_names, base=base)


def _load(job: Job, params: PunctuationAdversarial, tokenizer: Any, place: Place) -> Streams:
    marks = readers.load_marks(job.inputs["data"], seed=job.seed, generated=params.sentences, limit=params.limit)
    job.log(f"Punctuation: {marks.detail}.")
    tags = _load_tags(job, params, marks)
    dev = marks.dev if place.is_cuda else _first_words(marks.dev, DEV_WORDS)
    names = tags.tags if tags is not None else ()
    learned = readers.rejoined(marks.train, params.orders if marks.independent else 1, seed=job.seed)

    def cut_up(sentences: Sequence[TaggedSentence], among: Sequence[str], *, overlap: bool = True) -> Stream:
        return stream(tokenizer, sentences, among, length=params.window, overlap=overlap)

    return Streams(
        train=cut_up(learned, readers.MARKS),
        dev=cut_up(dev, readers.MARKS),
        test=cut_up(marks.test, readers.MARKS),
        test_asr=cut_up(marks.test_asr, readers.MARKS) if marks.test_asr else None,
        tags=cut_up(tags.train, names, overlap=False) if tags is not None else None,
        tags_held_out=cut_up(tags.held_out, names, overlap=False) if tags is not None else None,
        tag_names=names,
    )


def _load_tags(job: Job, params: PunctuationAdversarial, marks: readers.Corpus) -> readers.TagCorpus | None:
    """The tagged corpus; also read where its task is off, to probe the features by."""
    address = job.inputs.get("pos", "")
    if not address:
        if params.pos:
            raise InputError(
                "The part-of-speech task has no text.",
                expected="a CoNLL-U or two-column file, or the generated sample",
                received="nothing",
                fix="Give a file, choose the sample, or switch the part-of-speech task off.",
                field="pos",
            )
        return None
    avoid = [*marks.train, *marks.dev, *marks.test]
    tags = readers.load_tags(address, seed=job.seed, avoid=avoid, limit=params.limit)
    readers.check_strangers(marks, tags)
    job.log(f"Parts of speech: {tags.detail}; {len(tags.tags)} tags.")
    return tags


def _first_words(sentences: Sequence[TaggedSentence], most: int) -> list[TaggedSentence]:
    kept, count = list[TaggedSentence](), 0
    for one in sentences:
        if kept and count + len(one.tokens) > most:
            break
        kept.append(one)
        count += len(one.tokens)
    return kept


class _Eye:
    """Looks at the validation text while training goes on."""

    def __init__(self, job: Job, model: Tagger, reader: Reader, streams: Streams) -> None:
        self.job, self.model, self.reader, self.streams = job, model, reader, streams
        self.seen: NDArray[np.float32] | None = None

    def evaluate(self, step: int) -> float:
        """Micro F1 over the three marks, which picks the best weights."""
        dev = self.streams.dev
        self.seen = self.reader.probabilities(dev, self.model.punctuation)
        scores = show.scores(dev.gold, self.seen.argmax(-1))
        for name, score in scores.items():
            self.job.metric("f1", score.f1, series=name, step=step)
        chosen = np.maximum(self.seen[np.arange(len(dev.gold)), dev.gold], 1e-9)
        self.job.metric("loss", float(-np.log(chosen).mean()), series="validation", step=step)
        if (accuracy := self.discriminator_accuracy()) is not None:
            self.job.metric("joint", accuracy, series="discriminator accuracy, held out", step=step)
        self.show()
        return scores["overall"].f1

    def discriminator_accuracy(self) -> float | None:
        """How often the discriminator names the task of held-out windows, both tasks weighing the same."""
        discriminator, held_out = self.model.discriminator, self.streams.tags_held_out
        if discriminator is None or held_out is None:
            return None
        pair = enumerate((self.streams.dev, held_out))
        return float(np.mean([(self._ask(discriminator, one) == task).mean() for task, one in pair]))

    @torch.no_grad()
    def _ask(self, discriminator: nn.Module, one: Stream) -> NDArray[np.int64]:
        pooled = torch.from_numpy(self.reader.pooled(one, MAP_WINDOWS)).to(self.reader.place.device)
        return np.asarray(discriminator(pooled).argmax(-1).cpu().numpy())

    def show(self, *, force: bool = False) -> None:
        """Examples, confusion, worst mistakes and the map of shared features, as time allows."""
        with self.job.preview("what is shown while training", force=force) as granted:
            if not granted:
                return
            dev = self.streams.dev
            if self.seen is None or force:
                self.seen = self.reader.probabilities(dev, self.model.punctuation)
            show.examples(self.job, dev.sentences, self.seen)
            show.mistakes(self.job, dev.words, dev.gold, self.seen)
            pair = [("punctuation", dev), ("parts of speech", self.streams.tags_held_out)]
            show.feature_map(self.job, {
                name: (self.reader.pooled(one, MAP_WINDOWS), _texts(one, spread(len(one), MAP_WINDOWS)))
                for name, one in pair if one is not None
            })  # fmt: skip


def _texts(one: Stream, rows: Sequence[int]) -> list[str]:
    places = (one.windows.words[row] for row in rows)
    return [" ".join(one.words[at] for at in place[place >= 0]) for place in places]


def _test(job: Job, model: Tagger, reader: Reader, streams: Streams) -> None:
    """Numbers on the test text, what each sentence contributed to them, and the files to take away."""
    rows, exported = [], {}
    for name, one in (("test", streams.test), ("asr", streams.test_asr)):
        if one is None:
            continue
        seen = reader.probabilities(one, model.punctuation)
        counts = show.outcomes(one.gold, seen.argmax(-1), one.sentence, len(one.sentences))
        show.write_outcomes(job, "outcomes" if name == "test" else f"outcomes_{name}", counts)
        scores = show.scores(one.gold, seen.argmax(-1))
        rows.append((name, scores, show.intervals(counts, seed=job.seed)))
        exported[name] = (one, seen)
        for mark, score in scores.items():
            label = f"{name}_f1" if mark == "overall" else f"{name}_f1_{mark}"
            job.result(label, score.f1)
            job.metric("f1", score.f1, series=f"{mark}, {'test' if name == 'test' else 'misheard test'}")
    show.per_class(job, rows)
    one, seen = exported["test"]
    show.export(job, one.words, one.gold, seen, rows)


def _probe(job: Job, reader: Reader, streams: Streams, *, seed: int) -> None:
    """A discriminator at chance may be untrained rather than fooled: ask a fresh one on frozen features."""
    if streams.tags is None or streams.tags_held_out is None:
        return
    sets = [
        [reader.pooled(one, PROBE_WINDOWS) for one in pair]
        for pair in ((streams.train, streams.tags), (streams.dev, streams.tags_held_out))
    ]
    accuracy = probe_accuracy(sets[0], sets[1], seed=seed)
    job.result("probe_accuracy", accuracy)
    job.metric("joint", accuracy, series="fresh probe accuracy")
    job.log(f"A fresh probe tells the task from frozen features in {accuracy:.1%} of held-out windows (chance 50 %).")


def probe_accuracy(
    known: Sequence[NDArray[np.float32]], held_out: Sequence[NDArray[np.float32]], *, seed: int
) -> float:
    """Balanced accuracy of a logistic regression that tells two sets of features (N, d) apart."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    labels = np.repeat([0, 1], [len(one) for one in known])
    probe = make_pipeline(
        StandardScaler(), LogisticRegression(max_iter=1000, class_weight="balanced", random_state=seed)
    )
    probe.fit(np.concatenate(known), labels)
    return float(np.mean([(probe.predict(one) == task).mean() for task, one in enumerate(held_out)]))


# Saving -------------------------------------------------------------------------------------


def _base_head(one: Stream, reader: Reader) -> dict[str, Tensor]:
    """A linear head on the features as they are before training: what the base answers with."""
    from sklearn.linear_model import LogisticRegression

    features, labels = list[NDArray[np.float32]](), list[NDArray[np.int64]]()
    rows = spread(len(one), max(1, int(BASE_WORDS / max(one.labels_per_window, 1))))
    for at in range(0, len(rows), READ_BATCH):
        some = rows[at : at + READ_BATCH]
        there = one.labels[some] != IGNORED
        features.append(reader.features(one, some)[0].cpu().numpy()[there])
        labels.append(one.labels[some][there])
    fitted = LogisticRegression(max_iter=300).fit(np.concatenate(features), np.concatenate(labels))
    weight = torch.zeros(len(readers.MARKS), features[0].shape[1])
    bias = torch.full((len(readers.MARKS),), -1e4)
    places = torch.from_numpy(fitted.classes_)
    coefficients, intercepts = fitted.coef_, fitted.intercept_
    if len(places) == 2:  # two classes share one row of coefficients
        coefficients, intercepts = (
            np.vstack([-coefficients, coefficients]) / 2,
            np.hstack([-intercepts, intercepts]) / 2,
        )
    weight[places] = torch.from_numpy(coefficients).float()
    bias[places] = torch.from_numpy(intercepts).float()
    return {"weight": weight, "bias": bias}


def _save(
    job: Job, params: PunctuationAdversarial, model: Tagger, *, tokenizer: Any, tags: tuple[str, ...],
    base: dict[str, Tensor],
) -> None:  # fmt: skip
    """The encoder as a Hugging Face folder, the branches and the base's head beside it, and the card."""
    job.phase("saving the model")
    folder: Path = job.model_folder()
    model.eval()
    adapters.save_model(model.encoder, tokenizer, folder)
    branches = {
        f"{name}.{key}": value.detach().cpu().contiguous()
        for name in ("punctuation", "pos")
        if (branch := getattr(model, name)) is not None
        for key, value in branch.state_dict().items()
    }
    save_file(branches, folder / "branches.safetensors")
    save_file(base, folder / "base_head.safetensors")
    job.write_card(
        task="punctuation", marks=list(readers.MARKS), tags=list(tags), window=params.window, backbone=params.backbone,
        init=params.init, seed=job.seed,
        branch={"width": params.branch_width, "lstm": params.branch_lstm, "dropout": params.dropout},
    )  # fmt: skip


def load_tuned(folder: Path, card: dict[str, Any], *, device: str) -> Restorer:
    """The trained encoder with its punctuation branch, from a model folder and its card."""
    tensors = load_file(folder / "branches.safetensors")
    own = {key.removeprefix("punctuation."): value for key, value in tensors.items() if key.startswith("punctuation.")}
    encoder = backbones.load_encoder(folder).to(device).eval()
    shape = card["branch"]
    params = PunctuationAdversarial(branch_width=shape["width"], branch_lstm=shape["lstm"], dropout=shape["dropout"])
    branch = Branch(int(encoder.config.hidden_size), len(card["marks"]), params)  # type: ignore[union-attr, arg-type]
    branch.load_state_dict(own)
    tokenizer = backbones.load_tokenizer(folder)
    return Restorer("Trained", tokenizer, encoder, branch.to(device).eval(), int(card["window"]), device)


def load_base(folder: Path, card: dict[str, Any], *, device: str) -> Restorer:
    """The backbone as it was before training, with the linear head fitted on its frozen features."""
    encoder = backbones.load_encoder(card["backbone"], fresh=card["init"] == "random", seed=int(card["seed"]))
    tensors = load_file(folder / "base_head.safetensors")
    head = nn.Linear(tensors["weight"].shape[1], tensors["weight"].shape[0])
    head.load_state_dict(tensors)
    tokenizer = backbones.load_tokenizer(card["backbone"])
    title = "Base (linear head on frozen features)"
    return Restorer(title, tokenizer, encoder.to(device).eval(), head.to(device).eval(), int(card["window"]), device)
