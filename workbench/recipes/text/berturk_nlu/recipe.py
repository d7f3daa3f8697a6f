"""Fine-tune one text encoder for classes, entities, questions – or pretrain a small one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from workbench.core.claim import Better, Claim
from workbench.core.job import Job
from workbench.core.kinds import Confusion, Curve, Embedding, Sample, Slot, Spans, Table, TextData
from workbench.core.mixins import TextEncoder, Training
from workbench.core.params import knob
from workbench.core.recipe import TEXT, Paper, recipe

STARTER = "starter:mini-turkish"
MASKED = ("masked words",)
LABELLED = ("classification", "masked words")


class BerturkNlu(Training, TextEncoder):
    """What is learned from which columns, and by which kind of model."""

    task: Literal["classification", "entities", "questions", "masked words", "all four"] = knob(
        "classification",
        "Classes of texts, names in texts, answers in passages, pretraining by masked words, or the paper's four tasks",
    )
    model: Literal["pretrained", "random init", "classical"] = knob(
        "pretrained",
        "The pretrained encoder, the same network from random weights, or a method without any network",
    )
    text_column: str = knob(
        "", "Column that holds the text; empty finds it", widget="column", slot="data", when={"task": LABELLED}
    )
    label_column: str = knob(
        "", "Column that holds the class; empty finds it", widget="column", slot="data",
        when={"task": ("classification",)},
    )  # fmt: skip
    limit: int = knob(0, "Examples to use at most, the same share of every class; 0 takes all", low=0, high=10_000_000)
    class_weights: Literal["none", "balanced"] = knob(
        "none", "Balanced gives rare classes as much say as frequent ones",
        when={"task": ("classification", "entities")}, more=True,
    )  # fmt: skip
    head_start: Literal["random", "probe"] = knob(
        "random",
        "Where the new head starts: random weights, or logistic regression on the frozen encoder, then tuned on",
        when={"task": ("classification",), "model": ("pretrained",)}, more=True,
    )  # fmt: skip
    head_rate: float = knob(1.0, "Factor on the head's learning rate", low=0.1, high=100.0, log=True, more=True)
    language: Literal["english", "turkish", "other"] = knob(
        "english",
        "Turkish folds I to ı and İ to i before an uncased tokenizer; English ignores articles in answers",
        more=True,
    )
    doc_stride: int = knob(
        32, "Tokens that neighbouring windows of a long passage share", low=0, high=512, unit="tokens",
        when={"task": ("questions", "all four")}, more=True,
    )  # fmt: skip
    max_answer: int = knob(
        30, "Longest answer", low=1, high=512, unit="tokens", when={"task": ("questions", "all four")}, more=True
    )
    mask_share: float = knob(0.15, "Share of the words that are hidden", low=0.05, high=0.6, when={"task": MASKED})
    whole_words: bool = knob(
        False, "Hide all pieces of a word together, and no word that stands nowhere else", when={"task": MASKED},
        more=True,
    )  # fmt: skip
    word_vectors: bool = knob(
        False, "Start the new network's words from which of them stand together, not at random",
        when={"task": MASKED, "model": ("random init",)}, more=True,
    )  # fmt: skip
    vocabulary: int = knob(
        3000, "Word pieces of the new tokenizer", low=200, high=200_000, unit="pieces",
        when={"task": MASKED, "model": ("random init",)}, more=True,
    )  # fmt: skip
    width: int = knob(
        192, "Width of the new network", low=32, high=2048, when={"task": MASKED, "model": ("random init",)}, more=True
    )
    layers: int = knob(
        4, "Layers of the new network", low=1, high=48, when={"task": MASKED, "model": ("random init",)}, more=True
    )
    half: bool = knob(False, "Save the weights in half precision", more=True)
    explain: str = knob(
        "", "Sentence whose words are weighed before and after tuning; empty takes one of the test data", more=True
    )


DATA = Slot(
    TextData,
    "Data",
    "Texts with classes, tagged words, or questions on passages; for pretraining any text",
    samples=(
        Sample(
            "docstrings-library", "Which library is this sentence from?",
            "Sentences from the documentation of ten installed scientific packages; their names are hidden.",
            generated=False, sets={"task": "classification"},
        ),
        Sample(
            "generated-entities", "Names in sentences (generated)", "People, places and organisations by rule.",
            generated=True, sets={"task": "entities"},
        ),
        Sample(
            "generated-questions", "Questions on passages (generated)", "Short passages with questions by rule.",
            generated=True, sets={"task": "questions"},
        ),
        Sample(
            "mini-turkish-sentiment", "Mini-Turkish: praise or blame (generated)",
            "Reviews in a small invented grammar; negation turns the meaning around.",
            generated=True, sets={"task": "classification", "backbone": STARTER},
        ),
        Sample(
            "mini-turkish-topics", "Mini-Turkish: topics (generated)", "Seven topics, a third of the nouns misleading.",
            generated=True, sets={"task": "classification", "backbone": STARTER},
        ),
        Sample(
            "mini-turkish-entities", "Mini-Turkish: names (generated)", "Invented names; verb and case tell the type.",
            generated=True, sets={"task": "entities", "backbone": STARTER},
        ),
        Sample(
            "mini-turkish-questions", "Mini-Turkish: lives (generated)", "Short biographies with questions.",
            generated=True, sets={"task": "questions", "backbone": STARTER, "language": "turkish"},
        ),
        Sample(
            "mini-turkish-corpus", "Mini-Turkish: text to pretrain on (generated)", "Forty thousand plain sentences.",
            generated=True,
            sets={"task": "masked words", "model": "random init", "limit": 0, "max_length": 128,
                  "learning_rate": 1.5e-3},
        ),
        Sample(
            "mini-turkish", "Mini-Turkish: all four tasks (generated)", "Sentiment, names, questions and topics.",
            generated=True,
            sets={"task": "all four", "backbone": STARTER, "language": "turkish", "max_steps": 200, "max_length": 128},
        ),
    ),
    columns=("text_column", "label_column"),
)  # fmt: skip

DESK = BerturkNlu(epochs=1, batch=16, learning_rate=1e-4, max_length=48, limit=3000, head_start="probe", evaluations=5)
FOUR = BerturkNlu(
    task="all four", backbone=STARTER, language="turkish", batch=16, learning_rate=5e-4, max_steps=200,
    max_length=128, evaluations=4,
)  # fmt: skip


@recipe(
    tab=TEXT,
    title="Fine-tune a text encoder",
    paper=Paper(
        "Fine-tuning Transformer-based Encoder for Turkish Language Understanding Tasks", 2024, "2401.17396",
        "One encoder, pretrained once, learns each task from few examples with a small head of its own.",
    ),
    reads={"data": DATA},
    writes={
        "loss": Curve, "score": Curve, "confusion": Confusion, "embedding": Embedding, "examples": Spans,
        "per_class": Table, "worst": Table, "attribution": Spans,
    },
    presets={
        "smoke": BerturkNlu(max_steps=4, batch=8, limit=120, evaluations=2, max_length=32, learning_rate=2e-4),
        "desk": DESK,
        "paper": BerturkNlu(epochs=3, batch=32, learning_rate=2e-5, max_length=128, warmup=0.0),
    },
    claim=Claim(
        arms={"pretrained": FOUR, "random init": FOUR.replace(model="random init"),
              "classical": FOUR.replace(model="classical")},
        statements=(
            *(
                Better(f"A pretrained encoder beats the same network from random weights on {what}",
                       metric=metric, better="pretrained", than="random init", by=0.05)
                for metric, what in (("sentiment_accuracy", "sentiment"), ("entity_f1", "names"),
                                     ("question_f1", "questions"), ("topic_accuracy", "topics"))
            ),
            *(
                Better(f"A pretrained encoder beats a classical method on {what}",
                       metric=metric, better="pretrained", than="classical", by=0.05, asserted=asserted)
                for metric, what, asserted in (("entity_f1", "names", True), ("question_f1", "questions", True),
                                               ("sentiment_accuracy", "sentiment", False),
                                               ("topic_accuracy", "topics", False))
            ),
        ),
        note="Generated mini-Turkish; names and inflections of the test are unseen in training. At this size the "
        "encoder does not beat the classical method on questions: 400 are too few for a new span head (the loss "
        "falls, validation stays), while case endings and question words give two thirds of the answers away.",
        inputs={"data": "sample:mini-turkish"},
    ),
    layout=(("loss", "score"), ("confusion", "embedding"), ("examples", "per_class"), ("worst",), ("attribution",)),
)  # fmt: skip
def run(job: Job, p: BerturkNlu) -> None:
    """Adapt a pretrained text encoder to your own texts.

    **Classification** learns a class for each text, **entities** marks names word by word, **questions**
    finds the answer to a question inside a passage. Each gives the encoder one linear layer more and then
    trains both together for a few passes over the data. **Masked words** pretrains: words are hidden and the
    network learns to fill them in; with a random start it makes a small encoder of your own.

    The picture at the start shows what the untouched encoder can do with a linear layer on its frozen
    features; everything after that is learned while you watch. Press *Stop and keep* as soon as it is good
    enough: the best weights so far are kept, and the try-it box compares them with the start.

    **All four** is the paper's experiment at desk size: sentiment, names, questions and topics in generated
    mini-Turkish, for the pretrained encoder, the same network from random weights, and a classical method.
    """
    from .method import run_task

    run_task(job, p)


def apply(job: Any, model: Path, inputs: dict[str, Any]) -> Any:
    """Answer one text with the untouched encoder and with the tuned model.

    `inputs` holds 'text', for questions also 'question', and 'attribute' to have words weighed.
    Returns an AnswersDoc, the base model first.
    """
    from .serve import answer

    return answer(job, model, inputs)
