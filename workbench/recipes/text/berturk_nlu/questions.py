"""Answers inside passages: a start and an end for every piece, windows over long passages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from workbench.core.documents import Column, Item, Span, SpannedText, SpansDoc, TableDoc
from workbench.core.kinds import Spans, Table
from workbench.core.problem import InputError
from workbench.core.words import spaced
from workbench.engine import adapters, backbones
from workbench.engine.text import reports, spans
from workbench.engine.text.examples import QuestionAnswer, Splits
from workbench.engine.text.spans import Decoded, Window

from . import common
from .common import BaseHead, Study

SHOWN = 6
MOST_LOOKED_AT = 200
BASE_WINDOWS = 150
OTHERS_PER_WINDOW = 12
NOWHERE = "no answer"
QUESTION_WORDS = frozenset(
    {
        *("who", "whom", "whose", "what", "where", "when", "which", "why", "how"),
        *("kim", "kimi", "kimden", "kime", "ne", "neyi", "nerede", "nereye", "nereden", "nereyi", "hangi", "kaç"),
    }
)


class Answering:
    """The objective, and what is shown of it; one training example is one window."""

    better: Literal["high", "low"] = "high"

    def __init__(self, study: Study, splits: Splits[QuestionAnswer]) -> None:
        self.study, self.splits, self.steps = study, splits, 0
        self.may_refuse = any(one.impossible for one in splits.train)
        if not any(one.answers for one in splits.train):
            raise InputError(
                "No question of the training data has an answer.",
                expected="answers with their place in the passage",
                received=f"{len(splits.train)} questions without any",
                fix="Give SQuAD-style data with 'answers' and 'answer_start'.",
                field="data",
            )
        self.model: Any = backbones.load_for(study.p.backbone, "question", fresh=study.fresh, seed=study.job.seed)
        self.heads = common.head_names(self.model)
        self.windows = cut(study, splits.train)
        self.targets = [_target(window, splits.train[window.example]) for window in self.windows]
        self.held_out = list(splits.validation)[:MOST_LOOKED_AT]
        self.base: BaseHead | None = None
        self.weighing = common.Weighing(study.job)
        study.job.log(f"{spaced(len(self.windows))} windows over {spaced(len(splits.train))} passages.")

    @property
    def examples(self) -> int:
        return len(self.windows)

    def parameter_groups(self) -> list[dict[str, Any]]:
        return common.parameter_groups(self.model, self.study.p, self.heads)

    def collate(self, indices: list[int]) -> dict[str, Tensor]:
        chosen = [self.windows[at] for at in indices]
        batch = common.padded(self.study.tokenizer, [one.ids for one in chosen], [one.types for one in chosen])
        return batch | {"labels": torch.tensor([self.targets[at] for at in indices])}

    def weight(self, batch: dict[str, Tensor]) -> float:
        return float(len(batch["labels"]))

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        """(CE of the start + CE of the end) / 2, summed over windows."""
        out = self.model(**{name: one for name, one in batch.items() if name != "labels"})
        ends = ((out.start_logits, 0), (out.end_logits, 1))
        both = [nn.functional.cross_entropy(one.float(), batch["labels"][:, at], reduction="sum") for one, at in ends]
        return (both[0] + both[1]) / 2

    # ------------------------------------------------------------ looking

    def begin(self) -> None:
        """What a linear layer on frozen features finds."""
        study, job = self.study, self.study.job
        self.base = BaseHead.load(study.folder)
        if job.checkpoint() is not None:
            self._explain("before tuning", base=self.base)
            return
        series = "validation"
        if not study.fresh:
            self._fit_base()
            series = "linear layer on frozen features"
        found = read(self.model, study, self.held_out, base=self.base, may_refuse=self.may_refuse)
        self._numbers(found, self.held_out, step=0, series=series)
        with job.preview("the start", force=True):
            self._show(found, self.held_out, title="before tuning")
            self._explain("before tuning", base=self.base)

    def _fit_base(self) -> None:
        """Logistic regressions for 'starts here' and 'ends here' on the pieces of some windows."""
        chance = np.random.default_rng(self.study.job.seed)
        chosen = [at for at, target in enumerate(self.targets) if target != (0, 0)][:BASE_WINDOWS]
        rows: list[np.ndarray] = []
        marks: list[tuple[int, int]] = []
        ids, types = [self.windows[at].ids for at in chosen], [self.windows[at].types for at in chosen]
        for positions, _, hidden in common.outputs(self.model, self.study, ids, types):
            for row, position in enumerate(positions):
                start, end = self.targets[chosen[position]]
                others = chance.integers(1, len(ids[position]), OTHERS_PER_WINDOW).tolist()
                for at in {start, end, *others}:
                    rows.append(hidden[row, at].cpu().numpy())
                    marks.append((int(at == start), int(at == end)))
        features, truth = np.stack(rows), np.asarray(marks)
        heads = [common.fit_base_head(features, truth[:, at], 2, balanced=True) for at in (0, 1)]
        weight = np.stack([head.weight[1] for head in heads])
        self.base = BaseHead(weight, np.asarray([head.bias[1] for head in heads], np.float32))
        self.base.save(self.study.folder)

    def evaluate(self, step: int) -> float:
        """F1 of shared words on the validation data picks the best weights."""
        found = read(self.model, self.study, self.held_out, may_refuse=self.may_refuse)
        score = self._numbers(found, self.held_out, step=step, series="validation")
        with self.study.job.preview("validation") as show:
            if show:
                self._show(found, self.held_out, title=f"step {step}")
        return score

    def finish(self) -> dict[str, float]:
        """Numbers and pictures of the test data; the model."""
        study, test = self.study, list(self.splits.test)
        found = read(self.model, study, test, may_refuse=self.may_refuse)
        self._numbers(found, test, step=self.steps, series="test")
        with study.job.preview("the end", force=True):
            self._show(found, test, title="test data, after tuning")
            self._explain("after tuning", base=None)
        said = [one.text for one in found.answers]
        reports.outcomes(study.job, "outcomes", per_question(said, test, study.p.language)[:, :1], columns=("f1",))
        adapters.save_model(self.model, study.tokenizer, study.folder)
        return question_metrics(said, test, study.p.language)

    def card(self) -> dict[str, Any]:
        """What apply() needs to know."""
        return {"task": "questions", "may_refuse": self.may_refuse}

    def _numbers(self, found: Reading, asked: Sequence[QuestionAnswer], *, step: int, series: str) -> float:
        job = self.study.job
        numbers = question_metrics([one.text for one in found.answers], asked, self.study.p.language)
        if step or series == "validation":
            job.metric("loss", _mean_loss(found, asked), series=series, step=step)
        for name, value in (numbers | {"score": numbers["f1"]}).items():
            job.metric(name, value, series=series, step=step)
        return numbers["f1"]

    def _show(self, found: Reading, asked: Sequence[QuestionAnswer], *, title: str) -> None:
        show_answers(self.study.job, asked, found.answers, self.study.p.language, title=title)
        items = [
            Item(
                reports.shortened(one.question),
                question_word(one.question),
                answer.text,
                answer.score,
                one.split,
                one.source,
            )
            for one, answer in zip(asked, found.answers, strict=True)
        ]
        reports.embedding(self.study.job, "embedding", features=found.features, items=items, title=title)

    def _explain(self, title: str, *, base: BaseHead | None) -> None:
        """The heat of 'the answer starts or ends here' over one fixed passage."""
        one = next((some for some in self.splits.test if some.answers), self.splits.test[0])
        found = read(self.model, self.study, [one], base=base, may_refuse=self.may_refuse)
        self.weighing.add(heat_of(found, one), title)


class Reading:
    """The windows over some questions, their logits, what was decoded, and features (N, d)."""

    def __init__(
        self, windows: list[Window], starts: list[np.ndarray], ends: list[np.ndarray],
        answers: list[Decoded], features: np.ndarray,
    ) -> None:  # fmt: skip
        self.windows, self.starts, self.ends = windows, starts, ends
        self.answers, self.features = answers, features


def cut(study: Study, asked: Sequence[QuestionAnswer]) -> list[Window]:
    """The windows over the questions' passages."""
    return spans.windows(
        study.tokenizer, [study.fold(one.question) for one in asked], [study.fold(one.context) for one in asked],
        max_length=study.p.max_length, stride=study.p.doc_stride,
    )  # fmt: skip


def _target(window: Window, one: QuestionAnswer) -> tuple[int, int]:
    if not one.answers:
        return 0, 0
    start, text = one.answers[0]
    return spans.target(window, start, start + len(text))


def read(
    model: Any, study: Study, asked: Sequence[QuestionAnswer], *, base: BaseHead | None = None, may_refuse: bool = False
) -> Reading:
    """Answers of the model, or of the base head on its frozen features."""
    windows = cut(study, asked)
    starts: list[np.ndarray] = [np.empty(0)] * len(windows)
    ends, hidden_at = list(starts), list(starts)
    ids, types = [one.ids for one in windows], [one.types for one in windows]
    for positions, out, hidden in common.outputs(model, study, ids, types):
        states = hidden.cpu().numpy()
        for row, at in enumerate(positions):
            size = len(ids[at])
            if base is None:
                starts[at] = out.start_logits[row, :size].float().cpu().numpy()
                ends[at] = out.end_logits[row, :size].float().cpu().numpy()
            else:
                starts[at], ends[at] = base.logits(states[row, :size]).T
            hidden_at[at] = states[row, :size].mean(0)
    contexts = [one.context for one in asked]
    answers = spans.decode(
        windows, starts, ends, contexts, max_answer=study.p.max_answer, may_refuse=may_refuse and base is None
    )
    first = {window.example: at for at, window in reversed(list(enumerate(windows)))}
    features = np.stack([hidden_at[first[example]] for example in range(len(asked))])
    return Reading(windows, starts, ends, answers, features)


def _mean_loss(found: Reading, asked: Sequence[QuestionAnswer]) -> float:
    losses = []
    for window, start, end in zip(found.windows, found.starts, found.ends, strict=True):
        left, right = _target(window, asked[window.example])
        losses.append(-(np.log(common.softmax(start)[left] + 1e-12) + np.log(common.softmax(end)[right] + 1e-12)) / 2)
    return float(np.mean(losses))


def per_question(said: Sequence[str], asked: Sequence[QuestionAnswer], language: str) -> np.ndarray:
    """F1 and exact match of every question, (N, 2)."""
    rows = []
    for answer, one in zip(said, asked, strict=True):
        truths = [text for _, text in one.answers]
        rows.append((spans.overlap_f1(answer, truths, language=language),
                     spans.exact_match(answer, truths, language=language)))  # fmt: skip
    return np.asarray(rows, np.float32)


def question_metrics(said: Sequence[str], asked: Sequence[QuestionAnswer], language: str) -> dict[str, float]:
    """f1 and exact match over all questions."""
    means = per_question(said, asked, language).mean(0)
    return {"f1": float(means[0]), "exact_match": float(means[1])}


# ---------------------------------------------------------------- pictures


def question_word(question: str) -> str:
    """What a question asks by: its wh-word, or its first word."""
    words = re.findall(r"\w+", question.lower())
    return next((word for word in words if word in QUESTION_WORDS), words[0] if words else "")


def show_answers(
    job: Any, asked: Sequence[QuestionAnswer], answers: Sequence[Decoded], language: str, *, title: str
) -> None:
    """Passages with the answers found, the table by question word, the sentence looked in, the worst."""
    measured = per_question([one.text for one in answers], asked, language)
    texts = [marked(one, answer) for one, answer in zip(asked[:SHOWN], answers, strict=False)]
    job.artifact("examples", Spans, SpansDoc(texts, labels=["answer"]), title=title)
    items = [
        Item(
            reports.shortened(f"{one.question} — {one.context}"), (one.answers[0][1] if one.answers else NOWHERE),
            (one.answers[0][1] if row[1] and one.answers else answer.text or NOWHERE),
            round(answer.score, 3), question_word(one.question), one.source,
        )
        for one, answer, row in zip(asked, answers, measured, strict=True)
    ]  # fmt: skip
    reports.worst(job, "worst", items, title=title)
    job.artifact("per_class", Table, _word_table(asked, measured), title=title)
    _show_sentences(job, asked, answers, items, title=title)


def marked(one: QuestionAnswer, answer: Decoded) -> SpannedText:
    """The passage with the answer found and the true one."""
    found = [Span(answer.start, answer.end, "answer", round(answer.score, 3))] if answer.text else []
    gold = [Span(start, start + len(text), "answer") for start, text in one.answers[:1]]
    return SpannedText(one.context, found, gold, title=one.question, source=one.source)


def _word_table(asked: Sequence[QuestionAnswer], measured: np.ndarray) -> TableDoc:
    words = [question_word(one.question) for one in asked]
    rows: list[list[Any]] = []
    for word in sorted(set(words)):
        mine = measured[[at for at, one in enumerate(words) if one == word]]
        rows.append([word, round(float(mine[:, 1].mean()), 4), round(float(mine[:, 0].mean()), 4), len(mine)])
    columns = [
        Column("asked by", "text"),
        Column("exact", best="high"),
        Column("F1", best="high"),
        Column("questions", digits=0),
    ]
    return TableDoc(columns, rows)


def _show_sentences(
    job: Any, asked: Sequence[QuestionAnswer], answers: Sequence[Decoded], items: list[Item], *, title: str
) -> None:
    """Confusion of the sentence that holds the answer with the sentence in which it was looked for."""
    truth = [sentence_of(one.context, one.answers[0][0]) if one.answers else -1 for one in asked]
    said = [sentence_of(one.context, answer.start) if answer.text else -1
            for one, answer in zip(asked, answers, strict=True)]  # fmt: skip
    most = min(max((*truth, *said)), 9)
    labels = [*(f"sentence {at + 1}" for at in range(most)), f"sentence {most + 1} on", NOWHERE]
    place = [[at if 0 <= at < most else (len(labels) - 1 if at < 0 else most) for at in one] for one in (truth, said)]
    reports.confusion(job, "confusion", labels=labels, true=place[0], predicted=place[1], items=items, title=title)


def sentence_of(context: str, start: int) -> int:
    """The number, from 0, of the sentence in which a character stands."""
    return len(re.findall(r"[.!?]+\s", context[:start]))


def heat_of(found: Reading, one: QuestionAnswer) -> SpannedText:
    """Over the first question's passage: the larger chance of starting or ending at each piece."""
    heat: dict[tuple[int, int], float] = {}
    for window, start, end in zip(found.windows, found.starts, found.ends, strict=True):
        if window.example != 0:
            continue
        chances = np.maximum(common.softmax(start), common.softmax(end))
        for at, offset in enumerate(window.offsets):
            if offset[0] >= 0 and offset[1] > offset[0]:
                heat[offset] = max(heat.get(offset, 0.0), float(chances[at]))
    marks = [Span(left, right, "", round(value, 4)) for (left, right), value in sorted(heat.items())]
    answer = found.answers[0].text or NOWHERE
    return SpannedText(one.context, marks, title=one.question, note=f"{one.question} → {answer}")
