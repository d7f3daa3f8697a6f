"""The same tasks without any network: what a claim has to beat, and a fast first answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.documents import Span, SpannedText, SpansDoc
from workbench.core.job import Job
from workbench.core.kinds import Spans
from workbench.engine.text import reports
from workbench.engine.text.baselines import AffixTagger, NgramClassifier, OverlapAnswerer
from workbench.engine.text.examples import LabelledText, QuestionAnswer, Splits, TaggedSentence
from workbench.engine.text.spans import Decoded

from . import classify, common, entities, questions
from .recipe import BerturkNlu

Result = tuple[dict[str, float], dict[str, Any], np.ndarray]
"""Final numbers, facts for the model's card, outcomes per test item."""


def run_classical(job: Job, p: BerturkNlu, splits: Splits[Any]) -> tuple[dict[str, float], dict[str, Any]]:
    """Fit, show, save; returns the final numbers and the card's facts."""
    job.phase("fitting", 1)
    numbers, facts, outcomes = fit_classical(job, p, splits, job.model_folder())
    reports.outcomes(job, "outcomes", outcomes)
    job.step(1)
    return numbers, facts


def fit_classical(job: Job, p: BerturkNlu, splits: Splits[Any], folder: Path) -> Result:
    """The task's own method."""
    methods: dict[str, Callable[..., Result]] = {"entities": tag, "questions": answer}
    fitted = methods.get(p.task, classify_texts)
    numbers, facts, outcomes = fitted(job, p, splits, folder)
    return numbers, facts | {"task": p.task, "classical": True}, outcomes


def classify_texts(job: Job, p: BerturkNlu, splits: Splits[LabelledText], folder: Path) -> Result:
    """Character n-grams and logistic regression."""
    labels = classify.labels_of(splits)
    common.check_classes(labels, splits, field="label_column")
    model = NgramClassifier(balanced=p.class_weights == "balanced").fit(list(splits.train), list(splits.validation))
    job.log(f"Character n-grams: C = {model.strength:g}, macro F1 {model.validation:.3f} on the validation data.")
    test = list(splits.test)
    classes, chances = model.probabilities([one.text for one in test])
    guesses = np.asarray([labels.index(classes[at]) for at in chances.argmax(-1)])
    truth = np.asarray(classify.positions(test, labels))
    numbers = reports.classification_metrics(truth, guesses, labels)
    _tell(job, numbers, score=numbers["macro_f1"])
    items = reports.items_of(test, labels, guesses, chances.max(-1))
    with job.preview("the end", force=True):
        reports.confusion(job, "confusion", labels=labels, true=truth, predicted=guesses, items=items)
        reports.class_table(job, "per_class", labels=labels, true=truth, predicted=guesses)
        reports.worst(job, "worst", items)
        _map(job, model, test, items)
        texts = [
            SpannedText(one.text, [Span(0, len(one.text), one.predicted, one.score)], source=one.source)
            for one in items[:8]
        ]
        job.artifact("examples", Spans, SpansDoc(texts, labels=labels))
    model.save(folder)
    return numbers, {"labels": labels, "C": model.strength}, (guesses == truth).astype(np.float32)[:, None]


def _map(job: Job, model: NgramClassifier, test: Sequence[LabelledText], items: list[Any]) -> None:
    from sklearn.decomposition import TruncatedSVD

    shown = items[: classify.MOST_MAPPED]
    features = model.features([one.text for one in test[: classify.MOST_MAPPED]])
    width = min(16, len(shown) - 1, features.shape[1] - 1)
    if width >= 2:
        reduced = TruncatedSVD(width, random_state=0).fit_transform(features)
        reports.embedding(job, "embedding", features=reduced.astype(np.float32), items=shown)


def tag(job: Job, p: BerturkNlu, splits: Splits[TaggedSentence], folder: Path) -> Result:
    """A logistic tagger over affixes and neighbours."""
    entities.tags_of(splits)
    model = AffixTagger().fit(list(splits.train), list(splits.validation))
    job.log(f"Affixes and neighbours: C = {model.strength:g}, entity F1 {model.validation:.3f} on the validation data.")
    test = list(splits.test)
    guesses = model.predict([one.tokens for one in test])
    numbers = entities.entity_metrics([one.tags for one in test], guesses)
    _tell(job, numbers, score=numbers["span_f1"])
    sure = [np.ones(len(one.tokens)) for one in test]
    with job.preview("the end", force=True):
        entities.show_sentences(job, test, guesses, sure, title="test data")
        entities.show_words(job, test, guesses, [], title="test data")
    model.save(folder)
    return numbers, {"C": model.strength}, entities.counts_of(test, guesses)


def answer(job: Job, p: BerturkNlu, splits: Splits[QuestionAnswer], folder: Path) -> Result:
    """The sentence that overlaps most, then the question word's rule; nothing is learned."""
    test = list(splits.test)
    said = OverlapAnswerer(language=p.language).predict(test)
    numbers = questions.question_metrics(said, test, p.language)
    _tell(job, numbers, score=numbers["f1"])
    found = [decoded(text, one.context) for text, one in zip(said, test, strict=True)]
    with job.preview("the end", force=True):
        questions.show_answers(job, test, found, p.language, title="test data")
    folder.mkdir(parents=True, exist_ok=True)
    return numbers, {"language": p.language}, questions.per_question(said, test, p.language)[:, :1]


def decoded(text: str, context: str) -> Decoded:
    """A rule's answer as a span of its passage."""
    start = context.find(text) if text else -1
    return Decoded(text, start, start + len(text), 1.0) if start >= 0 else Decoded("", 0, 0, 0.0)


def _tell(job: Job, numbers: dict[str, float], *, score: float) -> None:
    for name, value in (numbers | {"score": score}).items():
        job.metric(name, value, series="test", step=1)
