"""Pretrain a transformer on speech without labels by restoring altered spectrograms, then ask what it has learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from workbench.core.claim import Better, Claim
from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.kinds import (
    Attention,
    Audio,
    Confusion,
    Curve,
    Embedding,
    ImageGrid,
    Outcomes,
    Sample,
    Slot,
    SpeechFolder,
    Table,
    Tiers,
)
from workbench.core.mixins import Training
from workbench.core.params import knob
from workbench.core.recipe import SPEECH, Paper, recipe

TERA, RANDOM, MELS, STACKED = "TERA", "random encoder", "log-mel", "stacked log-mel"
LEARNED = (TERA,)
ENCODED = (TERA, RANDOM)


class Tera(Training):
    """Knobs of pretraining, and of the probes that ask what was learned."""

    representation: Literal["TERA", "random encoder", "log-mel", "stacked log-mel"] = knob(
        TERA, "What the probes are given: the pretrained encoder, or what it has to beat", label="Representation"
    )  # fmt: skip
    max_steps: int = knob(
        2400, "Steps of pretraining; 0 means by epochs", low=0, high=10_000_000, label="Pretraining steps",
        when={"representation": LEARNED},
    )  # fmt: skip
    learning_rate: float = knob(
        2e-3, "Pretraining's step size at its peak", low=1e-7, high=1.0, log=True, when={"representation": LEARNED}
    )
    time: bool = knob(True, "Blocks of frames are hidden or replaced", label="Alter time",
                      when={"representation": LEARNED})  # fmt: skip
    frequency: bool = knob(True, "A band of mel bins is hidden", label="Alter frequency",
                           when={"representation": LEARNED})  # fmt: skip
    magnitude: bool = knob(True, "Now and then noise is laid over all of it", label="Alter magnitude",
                           when={"representation": LEARNED})  # fmt: skip
    time_fraction: float = knob(0.15, "Share of the frames that blocks cover", low=0.0, high=0.5,
                                when={"time": (True,)})  # fmt: skip
    block: int = knob(5, "Frames of a block", low=1, high=20, unit="frames", when={"time": (True,)})
    band: float = knob(0.2, "Widest band, as a share of the mel bins", low=0.0, high=0.5, when={"frequency": (True,)})
    noise_probability: float = knob(0.15, "How often noise is added to an utterance", low=0.0, high=1.0,
                                    when={"magnitude": (True,)})  # fmt: skip
    layers: int = knob(3, "Layers of the encoder", low=1, high=12, when={"representation": ENCODED})
    layer: int = knob(
        2, "Layer whose states the probes are given; 0 means the last, which restoring needs for itself", low=0,
        high=12, label="Probed layer", when={"representation": ENCODED}, more=True,
    )  # fmt: skip
    fine_tune: bool = knob(
        True, "Also train the encoder on the labelled utterances, from where it stands", label="Fine-tune",
        when={"representation": ENCODED},
    )  # fmt: skip
    start: Literal["near frames", "published"] = knob(
        "near frames", "How the encoder begins: each head looking at frames nearby, or with small random weights as "
        "published, which takes far more steps", label="Beginning", when={"representation": ENCODED},
        more=True,
    )  # fmt: skip
    noise_sigma: float = knob(0.2, "Deviation of the noise, in deviations of the feature", low=0.0, high=1.0, more=True)
    width: int = knob(96, "Width of the encoder; a multiple of the heads", low=16, high=1024, more=True)
    heads: int = knob(4, "Attention heads", low=1, high=16, more=True)
    hidden: int = knob(384, "Width of the encoder's feed-forward layers", low=16, high=4096, more=True)
    dropout: float = knob(0.0, "Dropout in the encoder; short pretraining fits too little, not too much", low=0.0,
                          high=0.9, more=True)  # fmt: skip
    crop: int = knob(120, "Longest stretch of an utterance in a batch", low=16, high=3000, unit="frames", more=True)
    batch: int = knob(8, "Utterances per step", low=1, high=4096, unit="utterances", more=True)
    mel_bins: int = knob(40, "Mel bins of a frame", low=10, high=128, more=True)
    hop_ms: float = knob(12.5, "Time from frame to frame", low=5.0, high=25.0, unit="ms", more=True)
    tune_steps: int = knob(250, "Steps of fine-tuning, for each of the three rates", low=1, high=10_000_000, more=True)
    compare: bool = knob(
        True, "Put log-mel, stacked log-mel and a random encoder into the same table", label="Probe the controls too",
        more=True, when={"representation": LEARNED},
    )  # fmt: skip
    probe_steps: int = knob(300, "Steps of each probe, for each of its three rates", low=1, high=1_000_000, more=True)
    probe_hidden: int = knob(256, "Width of the probe that has a hidden layer", low=8, high=4096, more=True)
    split: Literal["speakers", "published"] = knob(
        "speakers", "How labelled LibriSpeech is divided: test speakers unheard elsewhere, or by the published lists",
        more=True,
    )  # fmt: skip
    unlabelled: int = knob(600, "Generated utterances without labels; 0 takes all of a folder", low=0, high=1_000_000,
                           unit="utterances", more=True)  # fmt: skip
    speakers: int = knob(20, "Generated speakers; half of them say the labelled utterances", low=4, high=400, more=True)
    labelled: int = knob(30, "Labelled utterances that probes learn from; 0 takes all of a folder", low=0,
                         high=1_000_000, unit="utterances", more=True)  # fmt: skip
    development: int = knob(20, "Utterances that choose rates and weights", low=2, high=100_000, unit="utterances",
                            more=True)  # fmt: skip
    test: int = knob(100, "Utterances that are only tested on; 0 takes all of a folder", low=0, high=100_000,
                     unit="utterances", more=True)  # fmt: skip
    test_speakers: int = knob(10, "Generated speakers that only the test hears", low=2, high=400, more=True)
    words: int = knob(10, "Keywords to tell apart in the generated data", low=2, high=10, more=True)
    epochs: int = knob(10, "Passes over the utterances, where steps are 0", low=1, high=10_000, more=True)
    evaluations: int = knob(4, "How often held-out utterances are restored and probed", low=1, high=1000, more=True)
    patience: int = knob(
        0, "Stop after this many evaluations without a better one; 0 never stops early", low=0, high=100,
        unit="evaluations", label="Stop early after", more=True,
    )  # fmt: skip
    warmup: float = knob(0.07, "Share of the steps in which the rate rises", low=0.0, high=1.0, more=True)
    clip: float = knob(5.0, "Longest gradient; 0 does not clip", low=0.0, high=1000.0, more=True)
    keep_model: bool = knob(True, "Save the encoder and the phone probe", more=True)


BANK = Sample(
    "speaker-bank",
    "Synthetic speakers",
    "Sentences by generated voices with the exact time of every phone; needs espeak-ng (pip install espeakng-loader).",
    generated=True,
)

# The claim's arms have the whole of the data; the desk preset has less of it, to speak and train within minutes.
DESK = Tera(
    max_steps=1200, unlabelled=120, speakers=12, test_speakers=6, development=12, test=40, tune_steps=80,
    probe_steps=100, evaluations=3,
)  # fmt: skip
_ARM = Tera(keep_model=False, compare=False, evaluations=2)
_ONE_AXIS = _ARM.replace(fine_tune=False)
_TIME, _FREQUENCY, _MAGNITUDE, _BOTH = "time only", "frequency only", "magnitude only", "time and frequency"


def _phones(text: str, than: str, *, by: float = 0.0, better: str = TERA) -> Better:
    return Better(text, "phone_accuracy", better, than, by=by, asserted=by > 0, items="outcomes")


CLAIM = Claim(
    arms={
        MELS: _ARM.replace(representation=MELS),
        STACKED: _ARM.replace(representation=STACKED),
        RANDOM: _ARM.replace(representation=RANDOM),
        TERA: _ARM,
        _TIME: _ONE_AXIS.replace(frequency=False, magnitude=False),
        _FREQUENCY: _ONE_AXIS.replace(time=False, magnitude=False),
        _MAGNITUDE: _ONE_AXIS.replace(time=False, frequency=False),
        _BOTH: _ONE_AXIS.replace(magnitude=False),
    },
    statements=(
        _phones("A linear probe tells phones better from TERA than from log-mel", MELS, by=0.08),
        _phones("… and than from log-mel with five frames of context on either side", STACKED, by=0.02),
        _phones("… and than from an encoder that has learned nothing", RANDOM, by=0.04),
        Better("Fine-tuned on the labelled utterances, TERA tells phones better than the same encoder from scratch",
               "tuned_accuracy", TERA, RANDOM, by=0.03, items="outcomes_tuned"),
        _phones("Altering time alone teaches phones better than altering frequency alone", _FREQUENCY, better=_TIME),
        _phones("… and than altering magnitude alone", _MAGNITUDE, better=_TIME),
        Better("Altering frequency beside time tells speakers better (pooled)", "speaker_accuracy", _BOTH, _TIME,
               asserted=False, items="outcomes_speakers"),
        Better("Altering magnitude as well loses less accuracy in noise of 10 dB", "accuracy_loss_in_noise", TERA,
               _BOTH, lower=True, asserted=False),
        Better("Keywords by new speakers are told better from TERA than from log-mel", "keyword_accuracy", TERA, MELS,
               asserted=False, items="outcomes_keywords"),
    ),
    seeds=3,
    note="Synthetic speakers. All arms have the same utterances, probes (one fixed recipe, three rates chosen on "
    "development utterances) and tests: new sentences by ten speakers that nothing else hears. Both encoders are "
    "probed at their second layer and begin with heads that look at near frames; this, rate and batch were chosen on "
    "seed 90. Three seeds take about 25 minutes of one core. Accuracy counts "
    "frames, silence among them; the share of the most frequent class is told beside it.",
)  # fmt: skip


@recipe(
    tab=SPEECH,
    title="Restoring altered speech",
    paper=Paper(
        "TERA: Self-Supervised Learning of Transformer Encoder Representation for Speech", 2020, "2007.06028",
        "Speech is hidden in time, in frequency and under noise; an encoder that can restore it knows phones.",
    ),
    reads={
        "sounds": Slot(
            SpeechFolder, "Speech without labels",
            "A folder with sounds at any depth, or a corpus such as LibriSpeech. Utterances that are tested on are "
            "left out.",
            (BANK,),
        ),
        "phones": Slot(
            SpeechFolder, "Speech with phones",
            "LibriSpeech with converted_aligned_phones.txt in its folder, or TIMIT (.PHN beside each sound).",
            (BANK,),
        ),
    },
    writes={
        "restoration": ImageGrid, "restoration_error": Curve, "loss": Curve, "probe": Curve, "tuning": Curve,
        "probes": Table, "layers": Table, "confusion": Confusion, "speakers": Embedding, "attention": Attention,
        "restored": Audio, "heard": Tiers, "outcomes": Outcomes, "outcomes_tuned": Outcomes,
        "outcomes_speakers": Outcomes, "outcomes_keywords": Outcomes,
    },
    layout=(
        ("restoration", "layers"), ("restoration_error", "loss", "probe", "tuning"), ("probes",), ("heard",),
        ("confusion", "speakers"), ("attention",), ("restored",),
    ),
    presets={
        "smoke": Tera(
            max_steps=4, batch=4, width=24, heads=2, hidden=48, layers=2, crop=60, unlabelled=8, speakers=4, labelled=6,
            development=3, test=4, test_speakers=2, words=2, tune_steps=2, probe_steps=20, probe_hidden=16,
            evaluations=2,
        ),
        "desk": DESK,
        "paper": Tera(
            max_steps=200_000, batch=32, learning_rate=2e-4, start="published", layer=0, dropout=0.1, width=768,
            heads=12, hidden=3072, crop=1500, mel_bins=80, hop_ms=10.0, block=7, unlabelled=0,
            labelled=0, test=0, development=500, probe_steps=20_000, tune_steps=20_000, evaluations=20,
        ),
    },
    claim=CLAIM,
)  # fmt: skip
def run(job: Job, params: Tera) -> None:
    """Learn from speech without labels by restoring what was altered, then ask what the encoder knows.

    **Pretraining** alters a log-mel spectrogram in three ways and has a small transformer restore the clean one,
    by the mean absolute error over the altered cells. Blocks of *time* are set to zero (8 of 10 utterances),
    replaced by other blocks (1 of 10) or left (1 of 10): restoring them takes knowledge of phones. A band of
    *frequency* is set to zero: that takes knowledge of the voice. *Magnitude* is covered by noise, now and then.
    Noise is drawn for each utterance, as the paper says; the published code draws it for each batch.

    The encoder **begins** with heads that look two or four frames before or after. Restoring a gap starts with what
    lies beside it, and from random weights hundreds of steps did not find that out (the paper spends 200,000).
    The random encoder begins in the same way. Restoration L1 says little by itself: drawing a line across the
    gap gives about 0.49, leaving it at the mean 0.72.

    **Probes** are small classifiers on one frozen layer, the second of three (the last serves restoring more than
    it serves phones; the table of layers shows all): phones (linear, and with one hidden layer), speakers
    (by frame, and pooled over the utterance) and ten keywords. All representations get the same probes, steps and
    three rates, of which development utterances choose one. The test has new sentences by speakers that nothing
    else has heard. Speakers can only be told among those that the probe has learned, from sentences it has not.

    **Fine-tuning** goes on with the encoder and a linear layer on the labelled utterances; the same from random
    weights is what it has to beat. Synthetic speech is nearly deterministic, so phones are easy: look at the
    stacked log-mel frames before believing in a margin.
    """
    from .method import train

    train(job, params)


def preview(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """What a slot's data is, as far as its first utterances tell."""
    from .data import preview as look

    return look(slot, address, values)


def apply(job: Any, model: Path, inputs: dict[str, Any]) -> Any:
    """Tell the phones of a sound, and write its features where `features` names a .npy."""
    from .serve import answer

    return answer(job, model, inputs)
