"""What a method without any pretrained network reaches on the same data.

Strong on purpose: character n-grams see inside inflected words, and every logistic regression has
its own regularisation picked on the validation data.
"""

from __future__ import annotations

import copy
import json
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from workbench.engine.text.examples import LabelledText, QuestionAnswer, TaggedSentence
from workbench.engine.text.spans import normalise

STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""The values of C that are tried on the validation data."""


class NgramClassifier:
    """TF-IDF over character 2- to 5-grams within word bounds, then logistic regression."""

    def __init__(self, *, balanced: bool = False) -> None:
        self.balanced = balanced
        self.strength = 0.0
        self.validation = 0.0
        """Macro F1 on the validation data at the chosen strength."""
        self._vectorizer = _ngrams()
        self._model: Any = None

    def fit(self, train: Sequence[LabelledText], validation: Sequence[LabelledText]) -> NgramClassifier:
        """Learn from `train`; C is the one with the best macro F1 on `validation`."""
        features = self._vectorizer.fit_transform([one.text for one in train])
        held_out = self._vectorizer.transform([one.text for one in validation])
        labels, truth = [one.label for one in train], [one.label for one in validation]
        self._model, self.strength, self.validation = _tuned(
            features, labels, lambda model: f1_score(truth, model.predict(held_out), average="macro"), self.balanced
        )
        return self

    def features(self, texts: Sequence[str]) -> csr_matrix:
        """TF-IDF rows (N, V)."""
        return self._vectorizer.transform(list(texts))

    def probabilities(self, texts: Sequence[str]) -> tuple[list[str], np.ndarray]:
        """The classes and the probability of each for every text, (N, K)."""
        return [str(one) for one in self._model.classes_], self._model.predict_proba(self.features(texts))

    def predict(self, texts: Sequence[str]) -> list[str]:
        """A class for every text."""
        return [str(label) for label in self._model.predict(self.features(texts))]

    def save(self, folder: Path) -> None:
        """Write the n-grams (JSON) and the weights (safetensors)."""
        vocabulary = {term: int(at) for term, at in self._vectorizer.vocabulary_.items()}
        _save(folder, self._model, {"ngrams": vocabulary}, {"idf": self._vectorizer.idf_})

    @staticmethod
    def load(folder: Path) -> NgramClassifier:
        """A saved classifier."""
        one = NgramClassifier()
        one._model, facts, arrays = _load(folder)
        one._vectorizer = _ngrams(facts["ngrams"])
        one._vectorizer.idf_ = arrays["idf"]
        return one


def _ngrams(vocabulary: dict[str, int] | None = None) -> TfidfVectorizer:
    return TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, vocabulary=vocabulary)


def _save(folder: Path, model: Any, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    facts = facts | {"classes": [str(one) for one in model.classes_]}
    (folder / "classical.json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
    weights = {"weight": model.coef_, "bias": model.intercept_} | arrays
    save_file({name: np.ascontiguousarray(one) for name, one in weights.items()}, folder / "classical.safetensors")


def _load(folder: Path) -> tuple[Any, dict[str, Any], dict[str, np.ndarray]]:
    facts = json.loads((folder / "classical.json").read_text(encoding="utf-8"))
    arrays = load_file(folder / "classical.safetensors")
    model = LogisticRegression()
    model.classes_ = np.asarray(facts["classes"])
    model.coef_, model.intercept_ = arrays["weight"], arrays["bias"]
    return model, facts, arrays


def _tuned(
    features: csr_matrix, labels: Sequence[str], score: Callable[[Any], float], balanced: bool
) -> tuple[Any, float, float]:
    """(best model, its C, its score): the smallest C among the equally good."""
    best: tuple[Any, float, float] | None = None
    model = LogisticRegression(max_iter=1000, class_weight="balanced" if balanced else None, warm_start=True)
    for strength in STRENGTHS:
        model.set_params(C=strength)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(features, labels)
        reached = float(score(model))
        if best is None or reached > best[2]:
            best = copy.deepcopy(model), strength, reached
    assert best is not None
    return best


# ---------------------------------------------------------------- entities


class AffixTagger:
    """A logistic tagger: affixes, shape and identity of a word and of its two neighbours each side."""

    def __init__(self) -> None:
        self.strength = 0.0
        self.validation = 0.0
        """Entity F1 on the validation data at the chosen strength."""
        self._vectorizer: Any = DictVectorizer()
        self._model: Any = None

    def fit(self, train: Sequence[TaggedSentence], validation: Sequence[TaggedSentence]) -> AffixTagger:
        """Learn from `train`; C is the one with the best entity F1 on `validation`."""
        features = self._vectorizer.fit_transform(row for one in train for row in word_features(one.tokens))
        tags = [tag for one in train for tag in one.tags]
        truth = [list(one.tags) for one in validation]
        sentences = [one.tokens for one in validation]

        def score(model: Any) -> float:
            self._model = model
            return entity_f1(truth, self.predict(sentences))

        self._model, self.strength, self.validation = _tuned(features, tags, score, False)
        return self

    def predict(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """BIO tags for every sentence's words."""
        return [self._tags(tokens) if tokens else [] for tokens in sentences]

    def save(self, folder: Path) -> None:
        """Write the feature names (JSON) and the weights (safetensors)."""
        _save(folder, self._model, {"features": list(self._vectorizer.feature_names_)}, {})

    @staticmethod
    def load(folder: Path) -> AffixTagger:
        """A saved tagger."""
        one = AffixTagger()
        one._model, facts, _ = _load(folder)
        one._vectorizer.feature_names_ = facts["features"]
        one._vectorizer.vocabulary_ = {name: at for at, name in enumerate(facts["features"])}
        return one

    def _tags(self, tokens: Sequence[str]) -> list[str]:
        return [str(tag) for tag in self._model.predict(self._vectorizer.transform(word_features(tokens)))]


def word_features(tokens: Sequence[str]) -> list[dict[str, float]]:
    """Features of every word: its own affixes and shape, and those of the words around it."""
    own = [_word(token) for token in tokens]
    edge = {"edge": 1.0}
    rows = []
    for at in range(len(tokens)):
        row = {"first": float(at == 0)}
        for shift in (-2, -1, 0, 1, 2):
            there = own[at + shift] if 0 <= at + shift < len(tokens) else edge
            row.update({f"{shift}:{name}": value for name, value in there.items()})
        rows.append(row)
    return rows


def _word(token: str) -> dict[str, float]:
    plain = token.lower()
    shape = re.sub(r"(.)\1+", r"\1", "".join(map(_shape, token)))
    features = {f"word={plain}": 1.0, f"shape={shape}": 1.0}
    for size in (1, 2, 3, 4, 5):
        features[f"starts={plain[:size]}"] = 1.0
        features[f"ends={plain[-size:]}"] = 1.0
    if "'" in plain or "’" in plain:
        features["behind=" + re.split("['’]", plain)[-1]] = 1.0
    return features


def _shape(letter: str) -> str:
    if letter.isalpha():
        return "X" if letter.isupper() else "x"
    return "9" if letter.isdigit() else letter


def entity_f1(truth: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> float:
    """Micro F1 over exact entity spans (seqeval); 0 when neither side has an entity."""
    from seqeval.metrics import f1_score as span_f1

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # seqeval warns of tags that never occur
        return float(span_f1([list(one) for one in truth], [list(one) for one in predicted], zero_division=0))


# ---------------------------------------------------------------- questions

_NAME = r"\b[A-ZÀ-ÞĞİŞ]\w+(?: [A-ZÀ-ÞĞİŞ]\w+)*"
_WANTS: Mapping[str, Mapping[str, str]] = {
    "turkish": {
        r"\b(ne zaman|hangi yıl\w*|kaç\w*)\b": r"\b\d+\b",
        r"\b(nerede\w*|hangi \w+[dt][ae])\b": rf"({_NAME})'[dt][ae]\b",
        r"\b(nereden|kimden|neden|hangi \w+[dt][ae]n)\b": rf"({_NAME})'[dt][ae]n\b",
        r"\b(nereye|kime|neye|hangi \w+[ae])\b": rf"({_NAME})'y?[ae]\b",
        r"\b(nereyi|kimi|neyi|hangi \w+[ıiuü])\b": rf"({_NAME})'y?[ıiuü]\b",
    },
    "english": {
        r"\b(when|what year|which year|how many|how much|how old)\b": r"\b\d[\d.,]*\b",
        r"\bwhere\b": rf"\b(?:in|at|to|from|near) ((?:the )?{_NAME})",
    },
}
"""Question word → what an answer looks like, by language; the first that fits a question counts."""


class OverlapAnswerer:
    """Rules only: the sentence that shares most with the question, then what its question word asks for.

    Words count as shared when their first five letters agree, so inflected forms still meet.
    """

    def __init__(self, *, language: str = "english") -> None:
        self.language = language

    def answer(self, question: str, context: str) -> str:
        """A stretch of the context, or '' when the context is empty."""
        sentences = re.split(r"(?<=[.!?])\s+", context.strip())
        asked = self._stems(question)
        ranked = sorted(sentences, key=lambda one: -self._overlap(asked, one))
        for sentence in ranked:
            found = self._pick(question, sentence, asked)
            if found:
                return found
        return ranked[0] if ranked else ""

    def predict(self, asked: Sequence[QuestionAnswer]) -> list[str]:
        """An answer to every question."""
        return [self.answer(one.question, one.context) for one in asked]

    def _stems(self, text: str) -> set[str]:
        return {word[:5] for word in normalise(text, language=self.language)}

    def _overlap(self, asked: set[str], sentence: str) -> float:
        there = self._stems(sentence)
        return len(asked & there) + 0.01 * len(asked & there) / (1 + len(there))

    def _pick(self, question: str, sentence: str, asked: set[str]) -> str:
        for pattern, wanted in _WANTS.get(self.language, {}).items():
            if re.search(pattern, question.lower()):
                found = [match.group(match.lastindex or 0) for match in re.finditer(wanted, sentence)]
                found = [one for one in found if not self._stems(one) & asked]
                if found:
                    return found[0].strip()
        names = [name for name in re.findall(_NAME, sentence) if not self._stems(name) & asked]
        return names[-1] if names else ""
