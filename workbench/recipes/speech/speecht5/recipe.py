"""Pretrain one encoder-decoder on speech and text without labels, then have it do six tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from workbench.core.claim import Better, Claim
from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.kinds import Audio, Curve, ImageGrid, Sample, Slot, SpeechFolder, Table
from workbench.core.mixins import Training
from workbench.core.params import knob
from workbench.core.recipe import SPEECH, Paper, recipe
from workbench.core.vocoding import FOLDER, GRIFFIN_LIM

ASR, TTS, ST, VC, SE, SID = TASKS = ("ASR", "TTS", "ST", "VC", "SE", "SID")
ALL = "all six"
PRETRAINED, RANDOM, SPEECH_ONLY, TEXT_ONLY, UNMIXED, PUBLISHED = (
    "pre-training", "random init", "speech only", "text only", "no code mixing", "published",
)  # fmt: skip
STATISTICS, ENCODER, X_VECTORS = ("statistics", "speaker encoder", "x-vectors")
LEARNED = (PRETRAINED, SPEECH_ONLY, TEXT_ONLY, UNMIXED)
ERRORS = {task: f"{task.lower()}_error" for task in TASKS}
"""The number that tells how well a task is done: lower is better for all of them."""
SPOKEN = (ALL, TTS, VC, SE)
WRITTEN = (ALL, ASR, ST)


class SpeechT5(Training):
    """Knobs of pretraining, of the six tasks, and of how their answers are found."""

    task: Literal["all six", "ASR", "TTS", "ST", "VC", "SE", "SID"] = knob(
        ALL, "Recognise, speak, translate, convert a voice, clean from noise, or tell speakers apart"
    )
    start: Literal["pre-training", "random init", "speech only", "text only", "no code mixing", "published"] = knob(
        PRETRAINED, "What the tasks start from: our own pretraining or parts of it, nothing, or a published network",
        label="Start from",
    )  # fmt: skip
    checkpoint: str = knob("", "Folder of a published SpeechT5, as microsoft/speecht5_asr, _tts or _vc is laid out",
                           widget="folder", when={"start": (PUBLISHED,)})  # fmt: skip
    voices: Literal["statistics", "speaker encoder", "x-vectors"] = knob(
        STATISTICS, "What tells a voice: statistics of its frames, a speaker encoder's vector, by which anybody can be "
        "spoken for, or the x-vectors of a manifest", label="Voices by", more=True,
    )  # fmt: skip
    encoder: str = knob("", "Folder of a speaker encoder, ours or a published x-vector model; empty: the shipped one",
                        label="Speaker encoder", widget="folder", when={"voices": (ENCODER,)}, more=True)  # fmt: skip
    max_steps: int = knob(
        400, "Steps of pretraining; 0 means by epochs", low=0, high=10_000_000, label="Pretraining steps",
        when={"start": LEARNED},
    )  # fmt: skip
    learning_rate: float = knob(
        1e-3, "Pretraining's step size at its peak", low=1e-7, high=1.0, log=True, when={"start": LEARNED}
    )
    task_steps: int = knob(
        100, "Steps on each task, for each of the two rates; a published network may be tested with none", low=0,
        high=10_000_000,
    )  # fmt: skip
    lower_rate: float = knob(3e-3, "The first step size that is tried on each task", low=1e-7, high=1.0, log=True)
    higher_rate: float = knob(1e-2, "The second one; development examples choose", low=1e-7, high=1.0, log=True)
    beam: int = knob(1, "Answers that are followed at once while text is written", low=1, high=20,
                     when={"task": WRITTEN})  # fmt: skip
    ctc_weight: float = knob(
        0.3, "Share of CTC's opinion in choosing among the beam's transcripts", low=0.0, high=1.0, label="CTC weight",
        when={"task": (ALL, ASR)},
    )  # fmt: skip
    stop_threshold: float = knob(0.5, "Speech ends where its stop probability reaches this", low=0.1, high=0.9,
                                 when={"task": SPOKEN})  # fmt: skip
    guided: float = knob(1.0, "Weight of the loss that keeps attention near the diagonal", low=0.0, high=10.0,
                         label="Guided attention", when={"task": SPOKEN})  # fmt: skip
    vocoder: Literal["Griffin-Lim", "a folder"] = knob(
        GRIFFIN_LIM, "What makes sound of the frames: phases that are searched for, or a HiFi-GAN of these frames",
        when={"task": SPOKEN}, more=True,
    )  # fmt: skip
    vocoder_folder: str = knob("", "A SpeechT5HifiGan's folder, or the model of a run of hifi-gan", widget="folder",
                               when={"vocoder": (FOLDER,)}, more=True)  # fmt: skip
    compare: bool = knob(
        True, "Train the tasks from a random start too, for the same table", label="Train the control too",
        when={"start": LEARNED},
    )  # fmt: skip
    length_ratio: float = knob(4.0, "Speech is at most so many times the encoder's length", low=1.0, high=20.0,
                               label="Longest speech", more=True)  # fmt: skip
    width: int = knob(96, "Width of the network; a multiple of the heads", low=16, high=1024, more=True)
    layers: int = knob(2, "Layers of the encoder, and of the decoder", low=1, high=12, more=True)
    heads: int = knob(4, "Attention heads", low=1, high=16, more=True)
    hidden: int = knob(192, "Width of the feed-forward layers", low=16, high=4096, more=True)
    step_frames: int = knob(4, "Frames that the decoder says at once", low=1, high=8, unit="frames",
                            label="Reduction factor", more=True)  # fmt: skip
    units: int = knob(64, "Hidden units by k-means that masked speech is named with", low=2, high=2000, more=True)
    groups: int = knob(2, "Codebooks of the shared code space", low=1, high=8, more=True)
    codes: int = knob(32, "Codes of each", low=2, high=1000, more=True)
    dropout: float = knob(0.1, "Dropout in the network", low=0.0, high=0.9, more=True)
    batch: int = knob(8, "Utterances, and as many sentences, per step", low=1, high=4096, unit="examples", more=True)
    mel_bins: int = knob(40, "Mel bins of a frame", low=10, high=128, more=True)
    crop: int = knob(160, "Longest stretch of an unlabelled utterance in a batch", low=16, high=3000, unit="frames",
                     more=True)  # fmt: skip
    unlabelled: int = knob(1200, "Utterances without labels", low=2, high=10_000_000, unit="utterances", more=True)
    sentences: int = knob(5000, "Sentences of text, of which nothing is spoken", low=2, high=10_000_000,
                          unit="sentences", more=True)  # fmt: skip
    labelled: int = knob(120, "Labelled examples of each task", low=2, high=10_000_000, unit="examples", more=True)
    development: int = knob(24, "Examples that choose each task's rate", low=2, high=100_000, unit="examples",
                            more=True)  # fmt: skip
    test: int = knob(40, "Examples that each task is tested on", low=2, high=100_000, unit="examples", more=True)
    test_told_apart: int = knob(64, "Utterances whose speaker is asked for in the test", low=2, high=100_000,
                                unit="utterances", label="Test of SID", more=True)  # fmt: skip
    speakers: int = knob(24, "Generated voices of speech without labels", low=2, high=1000, more=True)
    told_apart: int = knob(16, "Generated voices of labelled speech, told apart by SID", low=2, high=1000, more=True)
    new_speakers: int = knob(8, "Generated voices that only the test hears", low=2, high=1000, more=True)
    epochs: int = knob(10, "Passes over the unlabelled utterances, where steps are 0", low=1, high=10_000, more=True)
    evaluations: int = knob(2, "How often held-out data is looked at in each part of the run", low=1, high=1000,
                            more=True)  # fmt: skip
    patience: int = knob(
        0, "Stop a part after this many evaluations without a better one; 0 never does", low=0, high=100,
        unit="evaluations", label="Stop early after", more=True,
    )  # fmt: skip
    warmup: float = knob(0.1, "Share of the steps in which the rate rises", low=0.0, high=1.0, more=True)
    clip: float = knob(5.0, "Longest gradient; 0 does not clip", low=0.0, high=1000.0, more=True)
    keep_model: bool = knob(True, "Save the network of each task", more=True)


BANK = Sample(
    "speaker-bank",
    "Synthetic speakers",
    "Sentences by generated voices, and their Spanish by a grammar; needs espeak-ng (pip install espeakng-loader).",
    generated=True,
)

# The claim's arms have the whole of the data; the desk preset has less of it, to speak and train within minutes.
DESK = SpeechT5(max_steps=200, unlabelled=240, sentences=2000, task_steps=60, evaluations=1, test=24,
                test_told_apart=48)  # fmt: skip
_ARM = SpeechT5(keep_model=False, compare=False, evaluations=1)


def _task(task: str, text: str) -> Better:
    items = "" if task == ST else f"outcomes_{task.lower()}"
    return Better(text, ERRORS[task], PRETRAINED, RANDOM, lower=True, asserted=False, items=items)


CLAIM = Claim(
    arms={PRETRAINED: _ARM, RANDOM: _ARM.replace(start=RANDOM)},
    statements=(
        Better("Pretraining is better on at least five of the six tasks: tasks won less tasks lost", "tasks_won",
               PRETRAINED, RANDOM, by=4.0, lower=True, of=tuple(ERRORS.values())),
        Better("The mean error over the six tasks is lower by 10 % at least (mean of logarithms)", "mean_log_error",
               PRETRAINED, RANDOM, by=0.1053605, lower=True),
        _task(ASR, "Fewer characters are recognised wrongly"),
        _task(TTS, "Speech from text is nearer to the voice's own (mel-cepstral distortion, free-running)"),
        _task(ST, "Translation shares more character n-grams with the reference (chrF)"),
        _task(VC, "Converted speech is nearer to the target's own (mel-cepstral distortion, free-running)"),
        _task(SE, "Cleaned speech is nearer to the clean one (log-spectral distance, free-running)"),
        _task(SID, "Fewer speakers are taken for others"),
    ),
    seeds=3,
    note="Synthetic speakers. Both arms have the same labelled examples, steps and two rates, of which development "
    "examples choose, and the same decoding; speech is scored free-running. Nothing without labels holds a voice or a "
    "sentence of the tests. Errors are shares of characters (ASR), one less chrF (ST), dB (TTS, VC, SE) and shares "
    "of utterances (SID). The first statement's interval is that of a sign test over tasks and seeds.",
)  # fmt: skip


@recipe(
    tab=SPEECH,
    title="One network for speech and text",
    paper=Paper(
        "SpeechT5: Unified-Modal Encoder-Decoder Pre-Training for Spoken Language Processing", 2021, "2110.07205",
        "One encoder-decoder learns from speech and from text without labels, and shares codes between the two.",
    ),
    reads={
        "speech": Slot(
            SpeechFolder, "Speech without labels",
            "A folder with sounds at any depth, or a manifest with .km units; texts come from the task's corpus.",
            (BANK,),
        ),
        "tasks": Slot(
            SpeechFolder, "Labelled speech",
            "A corpus of the task: LibriSpeech or LibriTTS (ASR, TTS), MuST-C (ST), CMU ARCTIC (VC), WHAM! (SE), "
            "VoxCeleb with iden_split.txt (SID), or a manifest with .txt, whose third column may name x-vectors.",
            (BANK,),
        ),
    },
    writes={
        "results": Table, "spectrograms": ImageGrid, "attention": ImageGrid, "texts": Table, "generated": Audio,
        "reference": Audio, "pretraining": Curve, "perplexity": Curve, "loss": Curve, "development": Curve,
        "stop": Curve,
    },
    layout=(
        ("results",), ("spectrograms", "attention"), ("pretraining", "perplexity", "loss", "development", "stop"),
        ("texts",), ("generated", "reference"),
    ),
    presets={
        "smoke": SpeechT5(
            max_steps=3, batch=3, width=16, heads=2, hidden=32, layers=1, units=8, codes=4, crop=64, unlabelled=6,
            sentences=20, labelled=4, development=2, test=2, test_told_apart=2, speakers=2, told_apart=2,
            new_speakers=2, task_steps=2, higher_rate=3e-3, compare=False, evaluations=1, length_ratio=1.5,
        ),
        "desk": DESK,
        "paper": SpeechT5(
            max_steps=800_000, learning_rate=2e-4, batch=32, width=768, heads=12, hidden=3072, layers=12, units=500,
            codes=100, mel_bins=80, step_frames=2, crop=800, unlabelled=10_000_000, sentences=10_000_000,
            labelled=10_000_000, development=500, test=2000, test_told_apart=2000, task_steps=80_000, lower_rate=6e-5,
            higher_rate=2e-4, beam=5, evaluations=20, warmup=0.08, compare=False,
        ),
    },
    claim=CLAIM,
)  # fmt: skip
def run(job: Job, params: SpeechT5) -> None:
    """Learn from speech and text without labels, then do six tasks with the same network.

    **Pretraining** has two halves in every step. Of *speech*, spans are hidden; the encoder names what was there in
    hidden units (k-means over mel frames), and the decoder says the whole again as a spectrogram. Of *text*, spans of
    characters are replaced by one mask, and the decoder writes the whole. Between encoder and decoder lies a *code
    space* that both share: each state has a nearest code, and a tenth of the states are replaced by theirs.

    **Tasks** start from those weights with a few labelled examples: recognition (ASR), speech from text (TTS),
    translation (ST), another's voice (VC), speech out of noise (SE), who speaks (SID). Two rates are tried and
    development examples choose. Speech is scored *free-running*: the decoder hears what it has said itself, never
    the truth; where it loses its way, the score says so.

    **The control** is the same network from random weights, with the same examples, steps, rates and decoding. At
    this size neither speaks well: look at the difference, and at the spectrograms.

    **Voices** are told by statistics of their frames. A *speaker encoder* knows people that this network has never
    heard, so the voice of any sound can be asked for; published networks were trained with x-vectors of 512 numbers,
    which a manifest or a published x-vector model brings.

    **Published networks** (a folder of SpeechT5ForSpeechToText, ForTextToSpeech or ForSpeechToSpeech in Hugging Face
    format) are fine-tuned by transformers' own classes, or with no steps only tested; what is kept has their format.
    """
    if params.start == PUBLISHED:
        from .tuning import train as tune

        tune(job, params)
        return
    from .method import train

    train(job, params)


def preview(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """What a slot's data is, as far as its first utterances tell."""
    from .data import preview as look

    return look(slot, address, values)


def apply(job: Any, model: Path, inputs: dict[str, Any]) -> Any:
    """Do the tasks that a model has learned on a sound and on a text; spoken answers become WAV files."""
    from .serve import answer

    return answer(job, model, inputs)
