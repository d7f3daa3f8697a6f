"""Speech to intent from few labelled commands: the encoder recognises speech first, or beside, or reads text too."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from workbench.core.claim import Better, Claim, Gate
from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.kinds import Confusion, Curve, ImageGrid, Outcomes, Sample, Slot, SpeechFolder, Table, Tiers
from workbench.core.mixins import MINILM, Training
from workbench.core.params import knob
from workbench.core.recipe import SPEECH, Paper, recipe

Pretraining = Literal["nothing", "same language", "other language", "shuffled transcripts", "saved encoder"]
NOTHING: Pretraining = "nothing"
SAME: Pretraining = "same language"
OTHER: Pretraining = "other language"
SHUFFLED: Pretraining = "shuffled transcripts"
SAVED: Pretraining = "saved encoder"
LEARNED = (SAME, OTHER, SHUFFLED)


class SluTransfer(Training):
    """Knobs of recognition, of understanding, and of the generated speech."""

    pretraining: Pretraining = knob(
        SAME, "What the encoder learns to recognise before it learns commands", label="Pretrain on"
    )
    encoder: str = knob("", "The model folder of an earlier run of this recipe", label="Saved encoder",
                        widget="folder", when={"pretraining": (SAVED,)})  # fmt: skip
    multi_task: bool = knob(False, "Go on recognising speech while commands are learned", label="Recognise beside")
    recognition_weight: float = knob(0.5, "Share of recognition in the loss of both tasks", low=0.0, high=0.9,
                                     when={"multi_task": (True,)})  # fmt: skip
    fusion: bool = knob(False, "A frozen text encoder reads the slots said so far, through a gate",
                        label="Fuse a text encoder")  # fmt: skip
    backbone: str = knob(MINILM, "The text encoder that is fused", widget="backbone", when={"fusion": (True,)})
    labelled: int = knob(200, "Generated commands with intents to learn from", low=8, high=100_000, unit="commands")
    label_fraction: float = knob(10.0, "How much of a folder's labelled commands is learned from", low=1.0, high=100.0,
                                 unit="%")  # fmt: skip
    pretrain_steps: int = knob(400, "Steps of recognition", low=1, high=10_000_000, when={"pretraining": LEARNED})
    max_steps: int = knob(150, "Steps of learning commands, for each rate; 0 means by epochs", low=0, high=10_000_000,
                          label="Steps")  # fmt: skip
    learning_rate: float = knob(1e-3, "Step size of learning commands at its peak", low=1e-5, high=3e-3, log=True)
    two_rates: bool = knob(True, "Learn at a third of the rate as well; validation chooses", more=True)
    frozen_layers: int = knob(0, "Encoder layers that stand still at first, from the input on", low=0, high=12,
                              more=True)  # fmt: skip
    frozen_steps: int = knob(50, "For how many steps they stand still", low=0, high=10_000_000, more=True)
    ladder: bool = knob(False, "Learn from an eighth, a quarter and half of the commands too", more=True,
                        label="Fewer commands as well")  # fmt: skip
    ctc_weight: float = knob(0.3, "Share of CTC in the loss of recognition; the rest is the decoder's", low=0.0,
                             high=1.0, label="CTC weight", more=True)  # fmt: skip
    smoothing: float = knob(0.1, "Label smoothing of the decoders", low=0.0, high=0.5, more=True)
    augment: bool = knob(True, "Hide stretches of time and frequency while learning (SpecAugment)", more=True)
    pretrain_rate: float = knob(2e-3, "Step size of recognition at its peak", low=1e-5, high=1e-2, log=True,
                                more=True)  # fmt: skip
    pretrain_batch: int = knob(32, "Utterances per step of recognition", low=1, high=4096, unit="utterances", more=True)
    batch: int = knob(32, "Commands per step", low=1, high=4096, unit="commands", more=True)
    layers: int = knob(3, "Layers of the encoder", low=1, high=12, more=True)
    decoder_layers: int = knob(1, "Layers of each decoder", low=1, high=6, more=True)
    width: int = knob(96, "Width of encoder and decoders; a multiple of the heads", low=16, high=1024, more=True)
    heads: int = knob(4, "Attention heads", low=1, high=16, more=True)
    hidden: int = knob(192, "Width of the feed-forward layers", low=16, high=4096, more=True)
    dropout: float = knob(0.1, "Dropout in encoder and decoders", low=0.0, high=0.9, more=True)
    mel_bins: int = knob(40, "Mel bins of a frame", low=10, high=128, more=True)
    units: Literal["phones", "characters"] = knob(
        "phones", "What is recognised; folders of speech have characters only", more=True
    )
    language: Literal["de", "es"] = knob("de", "Whose voices speak where another language is pretrained on", more=True,
                                         when={"pretraining": (OTHER,)})  # fmt: skip
    recognition: int = knob(1500, "Generated utterances to recognise; 0 takes all of a folder", low=0, high=1_000_000,
                            unit="utterances", more=True)  # fmt: skip
    recognition_speakers: int = knob(40, "Generated speakers of these utterances", low=2, high=400, more=True)
    intents: int = knob(20, "Generated intents to tell apart", low=2, high=31, more=True)
    speakers: int = knob(12, "Generated speakers who are learned from", low=2, high=400, more=True)
    development_speakers: int = knob(6, "Generated speakers who choose rates and weights", low=2, high=400, more=True)
    test_speakers: int = knob(12, "Generated speakers whom only the test hears", low=2, high=400, more=True)
    evaluations: int = knob(5, "How often validation commands are looked at", low=1, high=1000, more=True)
    patience: int = knob(
        0, "Stop after this many evaluations without a better one; 0 never stops early", low=0, high=100,
        unit="evaluations", label="Stop early after", more=True,
    )  # fmt: skip
    epochs: int = knob(20, "Passes over the commands, where steps are 0", low=1, high=10_000, more=True)
    warmup: float = knob(0.1, "Share of the steps in which the rate rises", low=0.0, high=1.0, more=True)
    clip: float = knob(5.0, "Longest gradient; 0 does not clip", low=0.0, high=1000.0, more=True)
    keep_model: bool = knob(True, "Save the model", more=True)


COMMANDS = Sample(
    "spoken-commands",
    "Spoken commands",
    "Twenty intents in ten wordings by generated voices in noisy rooms; needs espeak-ng (pip install espeakng-loader).",
    generated=True,
)
SENTENCES = Sample(
    "spoken-sentences",
    "Spoken sentences",
    "Sentences about other things by other generated voices, with their phones.",
    generated=True,
)

SCRATCH, TRANSFER, CROSS, BESIDE, BOTH, FUSED, CONTROL = (
    "from scratch", "transfer", "cross-language transfer", "multi-task", "transfer and multi-task", "fusion",
    "transfer from shuffled transcripts",
)  # fmt: skip
_ARM = SluTransfer(pretraining=NOTHING, keep_model=False)


def _more(text: str, better: str, than: str, by: float = 0.0, *, asserted: bool = True) -> Better:
    return Better(text, "accuracy", better, than, by=by, asserted=asserted, items="outcomes")


CLAIM = Claim(
    arms={
        SCRATCH: _ARM,
        TRANSFER: _ARM.replace(pretraining=SAME),
        CROSS: _ARM.replace(pretraining=OTHER),
        BESIDE: _ARM.replace(multi_task=True),
        BOTH: _ARM.replace(pretraining=SAME, multi_task=True),
        FUSED: _ARM.replace(fusion=True),
        CONTROL: _ARM.replace(pretraining=SHUFFLED),
    },
    statements=(
        _more("An encoder that learned to recognise speech understands commands better than one from scratch",
              TRANSFER, SCRATCH, by=0.10),
        _more("… also where it learned another language", CROSS, SCRATCH, by=0.04),
        _more("Recognising beside understanding is better than understanding alone", BESIDE, SCRATCH, by=0.02),
        _more("It is what was said that is transferred: shuffled transcripts transfer less", TRANSFER, CONTROL),
        _more("Both together are better than transfer alone", BOTH, TRANSFER, asserted=False),
        _more("A frozen text encoder fused into the decoder helps", FUSED, SCRATCH, by=0.02, asserted=False),
        _more("Shuffled transcripts are no better than no pretraining", SCRATCH, CONTROL, asserted=False),
    ),
    gates=(Gate("The pretrained encoder has learned to recognise phones", "unit_accuracy", TRANSFER, 0.5),),
    seeds=3,
    note="Synthetic speakers in noise of 5 to 20 dB. All arms have the same 200 commands, steps and two rates, of "
    "which development speakers choose one; the test has new speakers and wordings that nothing else hears. "
    "Sentences for recognition share no four words in a row with any command. The interval resamples test speakers.",
)  # fmt: skip


@recipe(
    tab=SPEECH,
    title="Spoken commands from few labels",
    paper=Paper(
        "Large-scale Transfer Learning for Low-resource Spoken Language Understanding", 2020, "2008.05671",
        "An encoder that has learned to recognise speech learns what commands mean from a few of them.",
    ),
    reads={
        "commands": Slot(
            SpeechFolder, "Commands with intents",
            "A folder laid out as Fluent Speech Commands.", (COMMANDS,),
        ),
        "recognition": Slot(
            SpeechFolder, "Speech with transcripts",
            "A corpus with transcripts, such as LibriSpeech or AISHELL-1, to learn recognition from.", (SENTENCES,),
        ),
    },
    writes={
        "accuracy": Curve, "loss": Curve, "unit_error": Curve, "attended": Tiers, "attention": ImageGrid,
        "recognised": Table, "slots": Table, "confusion": Confusion, "predictions": Table, "labels": Curve,
        "outcomes": Outcomes,
    },
    layout=(
        ("accuracy", "loss", "unit_error", "labels"), ("attention",), ("slots",), ("confusion",), ("attended",),
        ("predictions",), ("recognised",),
    ),
    presets={
        "smoke": SluTransfer(
            pretrain_steps=4, max_steps=4, pretrain_batch=4, batch=4, width=16, heads=2, hidden=32, layers=1,
            mel_bins=20, recognition=8, recognition_speakers=2, intents=3, speakers=2, development_speakers=2,
            test_speakers=2, labelled=12, evaluations=2, ladder=True,
        ),
        "desk": SluTransfer(),
        "paper": SluTransfer(
            pretrain_steps=200_000, max_steps=0, epochs=20, layers=12, decoder_layers=6, width=256, hidden=2048,
            mel_bins=80, recognition=0, units="characters", pretrain_rate=1e-3, learning_rate=3e-4, evaluations=20,
        ),
    },
    claim=CLAIM,
)  # fmt: skip
def run(job: Job, params: SluTransfer) -> None:
    """Learn to hear action, object and location from few labelled commands, on an encoder that knows speech.

    **The network**: log-mel frames, two strided convolutions and a small transformer; a decoder then says the three
    slots one after the other. A command counts as understood only if all three are right.

    **Transfer** trains encoder, a CTC head and a decoder on transcribed sentences first (a share of CTC, the rest
    cross-entropy), and keeps the encoder. The sentences can be of *the same language*, or spoken by the voices of
    *another*. **Recognise beside** trains both tasks together on the commands' own transcripts. **Fuse a text
    encoder** lets a frozen text network read the slots said so far: its view comes in through a gate. These can be
    combined.

    **Shuffled transcripts** is the control: the same steps on the same sounds with transcripts of other utterances.
    If that helps as much, recognition is not what transfers.

    The test has speakers and wordings that nothing else has heard; development speakers choose between two rates.
    With all the labels of a large data set every strategy is near 99 %: what differs is how few labels suffice.
    """
    from .method import train

    train(job, params)


def preview(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """What a slot's data is, as far as its first utterances tell."""
    from .data import preview as look

    return look(slot, address, values)


def apply(job: Any, model: Path, inputs: dict[str, Any]) -> Any:
    """Say what a command means: the likeliest intents of a sound, with what the recogniser heard."""
    from .serve import answer

    return answer(job, model, inputs)
