"""Train a recogniser of spoken English with CTC: from random weights, or on top of what a recogniser knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from workbench.core.claim import Better, Claim
from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.kinds import Curve, ImageGrid, Outcomes, Sample, Slot, Spans, SpeechFolder, Table, Tiers
from workbench.core.mixins import Training
from workbench.core.params import knob
from workbench.core.recipe import SPEECH, Paper, recipe

SHIPPED: Literal["the shipped recogniser"] = "the shipped recogniser"
FOLDER: Literal["a model folder"] = "a model folder"
NOTHING: Literal["random weights"] = "random weights"
STARTER = "speech-recogniser"
FOUR = "four accents"
ACCENTS = {
    FOUR: ("en-us", "en", "en-gb-x-rp", "en-us-nyc"),
    "Caribbean": ("en-029",),
    "Scottish": ("en-gb-scotland",),
    "Lancashire": ("en-gb-x-gbclan",),
    "West Midlands": ("en-gb-x-gbcwmd",),
}
"""espeak-ng's languages of each group of generated speakers; the shipped recogniser has heard the first only."""
QUIET: Literal["quiet rooms"] = "quiet rooms"
NOISY: Literal["noisy rooms"] = "noisy rooms"


class Recognise(Training):
    """Knobs of training, of what is done to the sound meanwhile, and of the generated speech."""

    start: Literal["the shipped recogniser", "a model folder", "random weights"] = knob(
        SHIPPED, "What the weights are at the beginning", label="Start from"
    )
    model: str = knob("", "The model folder of an earlier run of this recipe", widget="path", when={"start": (FOLDER,)})
    frozen_layers: int = knob(
        0, "Layers from the sound upwards that stay as they are; the last one always learns", low=0, high=64,
        unit="layers",
    )  # fmt: skip
    max_steps: int = knob(300, "Steps of training; 0 means by epochs", low=0, high=10_000_000, label="Steps")
    learning_rate: float = knob(1e-3, "Step size at its peak", low=1e-7, high=1.0, log=True)
    spec_augment: bool = knob(True, "Hide stretches of time and of frequency", label="SpecAugment")
    speed: float = knob(0.1, "How much faster or slower speech is played, drawn up to this share", low=0.0, high=0.5)
    tract: float = knob(0.06, "How far the frequency axis is stretched, drawn up to this share", low=0.0, high=0.3,
                        label="Vocal tract")  # fmt: skip
    noise: float = knob(0.5, "How often noise is laid under an utterance, 0 to 30 dB below it", low=0.0, high=1.0)
    accent: Literal["four accents", "Caribbean", "Scottish", "Lancashire", "West Midlands"] = knob(
        FOUR, "Who speaks, where speech is generated"
    )
    surroundings: Literal["quiet rooms", "noisy rooms"] = knob(
        QUIET, "Where it is heard: a third in rooms without noise, or all in rooms with noise of 5 to 15 dB"
    )
    batch: int = knob(16, "Utterances per step", low=1, high=4096, unit="utterances", more=True)
    utterances: int = knob(400, "Utterances to learn from; 0 takes all of a folder", low=0, high=10_000_000,
                           unit="utterances", more=True)  # fmt: skip
    development: int = knob(32, "Utterances that choose the best weights", low=1, high=100_000, unit="utterances",
                            more=True)  # fmt: skip
    test: int = knob(64, "Utterances that are only tested on; 0 takes all of a folder", low=0, high=100_000,
                     unit="utterances", more=True)  # fmt: skip
    speakers: int = knob(40, "Generated speakers to learn from", low=1, high=4000, more=True)
    test_speakers: int = knob(10, "Generated speakers of the test", low=2, high=400, more=True)
    width: int = knob(256, "Width of a new recogniser", low=16, high=1024, more=True, when={"start": (NOTHING,)})
    layers: int = knob(6, "Convolutions of a new recogniser; behind every third stands attention", low=1, high=24,
                       more=True, when={"start": (NOTHING,)})  # fmt: skip
    kernel: int = knob(7, "Frames of 30 ms that a convolution of a new recogniser sees; odd", low=1, high=31, more=True,
                       when={"start": (NOTHING,)})  # fmt: skip
    dropout: float = knob(0.1, "Dropout behind every layer", low=0.0, high=0.9, more=True)
    epochs: int = knob(10, "Passes over the utterances, where steps are 0", low=1, high=10_000, more=True)
    evaluations: int = knob(6, "How often development utterances are transcribed", low=1, high=1000, more=True)
    patience: int = knob(
        0, "Stop after this many evaluations without a better one; 0 never stops early", low=0, high=100,
        unit="evaluations", label="Stop early after", more=True,
    )  # fmt: skip
    warmup: float = knob(0.1, "Share of the steps in which the rate rises", low=0.0, high=1.0, more=True)
    clip: float = knob(5.0, "Longest gradient; 0 does not clip", low=0.0, high=1000.0, more=True)
    half: bool = knob(False, "Save the weights in half precision", more=True)
    keep_model: bool = knob(True, "Save the recogniser", more=True)


BANK = Sample(
    "speaker-bank",
    "Synthetic speakers",
    "Sentences read by generated voices; needs espeak-ng (pip install espeakng-loader).",
    generated=True,
)

SCRATCH, ADAPTED, FROZEN = "from scratch", "from the shipped recogniser", "frozen encoder"
# Ten speakers with an accent that the shipped recogniser has not heard, in noisy rooms: about four minutes.
_ARM = Recognise(
    accent="Caribbean", surroundings=NOISY, utterances=100, speakers=10, test_speakers=10, development=24, test=100,
    max_steps=150, evaluations=3, keep_model=False,
)  # fmt: skip
ALL_LAYERS = 9


def _fewer(text: str, better: str, than: str, *, by: float, words: bool = False, asserted: bool = True) -> Better:
    metric, items = ("word_error_rate", "outcomes_words") if words else ("character_error_rate", "outcomes")
    return Better(text, metric, better, than, by=by, lower=True, asserted=asserted, items=items)


CLAIM = Claim(
    arms={
        SCRATCH: _ARM.replace(start=NOTHING),
        FROZEN: _ARM.replace(frozen_layers=ALL_LAYERS),
        ADAPTED: _ARM,
    },
    statements=(
        _fewer("Trained on minutes of new speakers in noise, the shipped recogniser errs on fewer characters than one "
               "from random weights", ADAPTED, SCRATCH, by=0.2),
        _fewer("… and on fewer than where only its last layer learns", ADAPTED, FROZEN, by=0.01),
        _fewer("… and so do words", ADAPTED, FROZEN, by=0.01, words=True, asserted=False),
    ),
    seeds=3,
    note="Synthetic speakers. All arms have the same utterances, steps and rates.",
)  # fmt: skip


@recipe(
    tab=SPEECH,
    title="Recognise speech",
    paper=Paper(
        "Connectionist Temporal Classification: Labelling Unsegmented Sequence Data with Recurrent Neural Networks",
        2006, "",
        "A network names a character or nothing for every frame; the sum over all alignments teaches it to write.",
    ),
    reads={
        "speech": Slot(
            SpeechFolder, "Transcribed speech",
            "A folder with transcripts.tsv (path, start_s, end_s, speaker, text), sounds with a .TextGrid or .txt "
            "beside each, or a corpus such as LibriSpeech, LibriTTS, VCTK or CMU ARCTIC.",
            (BANK,),
        ),
    },
    writes={
        "loss": Curve, "character_error_rate": Curve, "word_error_rate": Curve, "examples": Spans,
        "emissions": ImageGrid, "rates": Table,
        "transcripts": Table, "heard": Tiers, "outcomes": Outcomes, "outcomes_words": Outcomes,
    },
    layout=(
        ("examples",), ("character_error_rate", "word_error_rate", "loss"), ("emissions",), ("heard",),
        ("rates", "transcripts"),
    ),
    presets={
        "smoke": Recognise(
            start=NOTHING, max_steps=4, batch=4, width=24, layers=3, kernel=3, utterances=8, development=2, test=4,
            speakers=2, test_speakers=2, evaluations=2, accent="Caribbean",
        ),
        "desk": Recognise(accent="Caribbean", surroundings=NOISY, utterances=100, speakers=10, max_steps=150),
        "paper": Recognise(
            start=NOTHING, max_steps=0, epochs=20, batch=32, utterances=0, development=500, test=0, evaluations=20,
        ),
    },
    claim=CLAIM,
)  # fmt: skip
def run(job: Job, params: Recognise) -> None:
    """Learn to write down what is said, from sounds and their transcripts alone.

    A small network turns log-mel frames into the probabilities of 28 characters and of *blank*, every 30 ms: a
    convolution with stride, convolutions with residual connections, and attention that reaches two seconds to either
    side. **CTC** asks that, with repeats and blanks taken out, the characters be the transcript, and sums over all
    the ways in which the frames can be dealt to the characters: no times are needed. A transcript with more
    characters than the sound has frames cannot be written; such utterances are left out and counted.

    **Start from** the shipped recogniser to adapt it to other voices and other rooms, from a folder to go on with an
    earlier run, or from random weights. *Layers that stay as they are* count from the sound upwards. Meanwhile the
    frames are altered: played faster or slower, as if by a longer or shorter vocal tract, under noise, and with
    stretches of time and of frequency hidden (SpecAugment).

    The **error rates** are edits over characters and over words, read from the best path without a language model.
    Sentences of the test stand in no other part, and its speakers are heard in no other part where the data tells
    speakers. The shipped recogniser was trained on synthetic speech only: on people it errs far more often.
    """
    from .method import train

    train(job, params)


def preview(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """What a slot's data is, as far as its first utterances tell."""
    from .data import preview as look

    return look(slot, address, values)


def apply(job: Any, folder: Path, inputs: dict[str, Any]) -> Any:
    """Transcribe a sound, as tiers of words with their confidences."""
    from .serve import answer

    return answer(job, folder, inputs)
