"""Put the punctuation back into a stream of words, with help from a part-of-speech task."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from workbench.core.claim import Better, Claim, Gate
from workbench.core.job import Job
from workbench.core.kinds import (
    Confusion,
    Curve,
    Embedding,
    Outcomes,
    PunctuatedText,
    Sample,
    Slot,
    Spans,
    Table,
    TaggedText,
)
from workbench.core.mixins import MINILM, Training
from workbench.core.params import knob
from workbench.core.recipe import TEXT, Paper, recipe


class PunctuationAdversarial(Training):
    """Knobs of the paper beside those of every training."""

    max_steps: int = knob(200, "End after this many steps; 0 means by epochs", low=0, high=10_000_000)
    batch: int = knob(16, "Windows of each task per step", low=1, high=4096, unit="windows")
    learning_rate: float = knob(3e-4, "Step size at its peak", low=1e-7, high=1.0, log=True)
    evaluations: int = knob(5, "How often the validation data is looked at during the run", low=1, high=1000, more=True)
    backbone: str = knob(MINILM, "The pretrained encoder to start from", widget="backbone")
    init: Literal["pretrained", "random"] = knob(
        "pretrained", "Start from the backbone's weights, or from its shape with random weights", label="Start from"
    )
    frozen_layers: int = knob(
        3, "Layers from the input that do not learn, the embeddings with them; 0 freezes nothing", low=0, high=48
    )
    window: int = knob(48, "Length of a stretch of text", low=16, high=512, unit="tokens")
    pos: bool = knob(True, "Learn parts of speech beside, from another corpus", label="Part-of-speech task")
    alpha: float = knob(1.0, "Weight of the part-of-speech loss", low=0.0, high=2.0, when={"pos": (True,)})
    lambda_max: float = knob(
        0.1, "Strength of the reversed gradient at its highest; 0 leaves the shared features alone",
        low=0.0, high=1.0, label="Adversary", when={"pos": (True,)},
    )  # fmt: skip
    sentences: int = knob(
        300, "Training sentences of the generated sample; beside them 150 to validate, 600 to test, 1,500 with tags",
        low=20, high=100_000, label="Generated sentences", unit="sentences", more=True,
    )  # fmt: skip
    orders: int = knob(
        10, "In how many orders the generated training sentences, which tell no story, are joined to a text",
        low=1, high=1000, label="Orders of generated sentences", more=True,
    )  # fmt: skip
    limit: int = knob(
        0, "Read at most this many sentences of own data, and of generated ones to validate, to test and with tags; "
        "0 reads all", low=0, high=100_000_000, unit="sentences", more=True,
    )  # fmt: skip
    branch_width: int = knob(128, "Width of each task's own layer", low=8, high=2048, more=True)
    branch_lstm: bool = knob(False, "A bidirectional LSTM (2 x 64) in each task's branch", more=True)
    dropout: float = knob(0.1, "Dropout in the branches", low=0.0, high=0.9, more=True)
    branch_rate: float = knob(
        5.0, "How many times faster the branches, which start at random, learn than the encoder", low=0.1, high=100.0,
        log=True, more=True, unit="times",
    )  # fmt: skip
    keep_model: bool = knob(True, "Save the trained model", more=True)


GENERATED = Sample(
    "generated-punctuation",
    "Generated sentences",
    "A phrase grammar about the sea: 60 words are noun and verb alike, so the mark depends on syntax.",
    generated=True,
)
DOCSTRINGS = Sample(
    "docstrings-punctuation",
    "Docstrings of installed libraries",
    "Real technical prose, lower-cased, its punctuation taken off.",
    generated=False,
)
GENERATED_POS = Sample(
    "generated-pos",
    "Generated sentences with tags",
    "The same grammar with other sentences and another vocabulary, 60 % of it shared, and parts of speech.",
    generated=True,
)

# Calibrated by validation F1 alone. Every sentence is gone through about nine times, and the single task stands
# still from the middle on (0.80 at steps 200 and 400, seed 98): what is short is punctuation, not steps. A first
# setting of 300 sentences missed the gate's foot on seeds 0 and 1, which asked for more; the claim was then carried
# out on seeds 3, 4 and 5. An adversary of 0.1 turned the discriminator upside down (2 % right while training, seed
# 99); against 0.03 it holds its own (64 to 67 %).
DESK = PunctuationAdversarial(
    sentences=450, frozen_layers=1, batch=4, learning_rate=3e-4, warmup=0.1, max_steps=400, evaluations=4,
    lambda_max=0.03,
)  # fmt: skip
_ARM = DESK.replace(keep_model=False)
_B = "B MiniLM"
_D = "D MiniLM + POS + adversary"
_ITEMS = "outcomes"


def _better(text: str, better: str, than: str, *, by: float = 0.0, metric: str = "test_f1") -> Better:
    items = _ITEMS if metric == "test_f1" else f"{_ITEMS}_asr"
    return Better(text, metric, better, than, by=by, asserted=by > 0, items=items)


CLAIM = Claim(
    arms={
        "A random": _ARM.replace(init="random", pos=False),
        "A random, rate 1e-3": _ARM.replace(init="random", pos=False, learning_rate=1e-3),
        "A random, rate 2e-3": _ARM.replace(init="random", pos=False, learning_rate=2e-3),
        _B: _ARM.replace(pos=False),
        "C MiniLM + POS": _ARM.replace(lambda_max=0.0),
        _D: _ARM,
    },
    gates=(Gate("Neither too easy nor too hard: the single task's validation F1", "dev_f1", _B, 0.75, 0.92),),
    statements=(
        _better("The pretrained encoder beats the same encoder started at random, at the same rate",
                _B, "A random", by=0.10),
        _better("… and at three times the rate, which suits random weights better", _B, "A random, rate 1e-3", by=0.10),
        _better("… and at seven times the rate", _B, "A random, rate 2e-3", by=0.10),
        _better("The adversarial part-of-speech task improves on the single task", _D, _B),
        _better("The part-of-speech task alone improves on the single task", "C MiniLM + POS", _B),
        _better("Reversing the gradient improves on the part-of-speech task alone", _D, "C MiniLM + POS"),
        _better("The same on misheard text: adversarial against single task", _D, _B, metric="asr_f1"),
    ),
    seeds=3,
    note="All arms see the same windows in the same order for the same number of steps; micro F1 over three marks.",
)  # fmt: skip


@recipe(
    tab=TEXT,
    title="Punctuation with an adversary",
    paper=Paper(
        "Adversarial Transfer Learning for Punctuation Restoration",
        2020,
        "2004.00248",
        "A part-of-speech task teaches syntax; an adversary keeps what is shared free of the task.",
    ),
    reads={
        "data": Slot(
            PunctuatedText,
            "Punctuated text",
            "One word and its mark a line (IWSLT), a folder with train2012, dev2012, test2011, or plain text.",
            (GENERATED, DOCSTRINGS),
        ),
        "pos": Slot(
            TaggedText,
            "Text with parts of speech",
            "CoNLL-U or word and tag in two columns; another corpus than the punctuated text.",
            (GENERATED_POS,),
            required=False,
        ),
    },
    writes={
        "loss": Curve,
        "f1": Curve,
        "joint": Curve,
        "examples": Spans,
        "confusion": Confusion,
        "embedding": Embedding,
        "per_class": Table,
        "worst": Table,
        "outcomes": Outcomes,
    },
    layout=(("loss", "f1", "joint"), ("examples", "confusion"), ("embedding", "per_class"), ("worst",)),
    presets={
        "smoke": PunctuationAdversarial(
            sentences=20, limit=200, window=24, batch=4, max_steps=4, evaluations=2, frozen_layers=5
        ),
        "desk": DESK,
        "paper": PunctuationAdversarial(
            backbone="hub:google-bert/bert-base-uncased", frozen_layers=0, window=256, batch=32, learning_rate=2e-5,
            epochs=4, max_steps=0, evaluations=8,
        ),
    },
    claim=CLAIM,
)  # fmt: skip
def run(job: Job, params: PunctuationAdversarial) -> None:
    """Restore commas, periods and question marks in a stream of lower-case words.

    A pretrained encoder reads windows of words; a branch on top names the mark behind each word.
    Beside it a second branch learns parts of speech from another corpus, and a discriminator tries
    to tell from the shared features which task a window came from. Its gradient reaches the encoder
    reversed, so that the features come to serve both tasks and betray neither. Only the punctuation
    branch is used afterwards: no tagger runs, and no tag can be wrong.

    Data: one word and its mark a line, separated by a tab (O, COMMA, PERIOD, QUESTION), as in
    IWSLT 2011; a folder of such files named train2012, dev2012, test2011 and test2011asr; or plain
    text, whose punctuation is taken off and learned.
    """
    from .method import train

    train(job, params)


def apply(job: Any, model: Path, inputs: dict[str, Any]) -> Any:
    """Punctuate raw text: the frozen backbone with a linear head first, then the trained model."""
    from .serve import answer

    return answer(job, model, inputs)
