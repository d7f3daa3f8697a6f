"""Clone a voice from seconds of speech: a speaker encoder learned by verification gives its vector to a synthesiser."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from workbench.core.claim import Better, Claim
from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.kinds import Audio, Curve, Embedding, ImageGrid, Outcomes, Sample, Slot, SpeechFolder, Table
from workbench.core.mixins import Training
from workbench.core.params import knob
from workbench.core.recipe import SPEECH, Paper, recipe
from workbench.core.vocoding import FOLDER, GRIFFIN_LIM, Choice

VECTOR, NONE, NEAREST, RANDOM, UPPER = (
    "speaker vector", "no vector", "nearest voice", "random vector", "table of test speakers",
)  # fmt: skip
ENCODED = (VECTOR, NEAREST, RANDOM)
DURATIONS: Literal["durations"] = "durations"
ATTENTION: Literal["attention"] = "attention"


class Sv2tts(Training):
    """Knobs of the encoder, of the synthesiser, and of who is tested."""

    condition: Literal["speaker vector", "no vector", "nearest voice", "random vector", "table of test speakers"] = (
        knob(
            VECTOR,
            "What tells the synthesiser whose voice it is: the encoder's vector, what it has to beat, or a "
            "table that has learned the test's speakers",
            label="Voice by",
        )
    )
    speakers: int = knob(256, "Speakers that the encoder learns to tell apart; the sentences are as many either way",
                         low=2, high=2048, label="Encoder's speakers", when={"condition": ENCODED})  # fmt: skip
    encoder_steps: int = knob(250, "Steps of the encoder", low=1, high=10_000_000, when={"condition": ENCODED})
    voices: int = knob(24, "Speakers that the synthesiser learns from", low=2, high=2048)
    sentences: int = knob(12, "Sentences by each of them", low=1, high=1000)
    max_steps: int = knob(400, "Steps of the synthesiser", low=1, high=10_000_000, label="Synthesiser's steps")
    aligner: Literal["durations", "attention"] = knob(
        DURATIONS, "How phones meet frames: by their lengths, or by location-sensitive attention as in Tacotron 2"
    )  # fmt: skip
    vocoder: Choice = knob(
        GRIFFIN_LIM, "What makes sound of the frames: phases that are searched for, the HiFi-GAN that comes along (for "
        "80 mel bins; faster, but it loses the pitch), or one in a folder",
    )  # fmt: skip
    vocoder_folder: str = knob("", "A SpeechT5HifiGan's folder, or the model of a run of hifi-gan", widget="folder",
                               when={"vocoder": (FOLDER,)})  # fmt: skip
    phases: int = knob(60, "Griffin-Lim's iterations, which find phases for the spectrogram", low=16, high=200,
                       label="Griffin-Lim iterations", when={"vocoder": (GRIFFIN_LIM,)})  # fmt: skip
    learning_rate: float = knob(2e-3, "The synthesiser's step size at its peak", low=1e-7, high=1.0, log=True)
    encoder_rate: float = knob(2e-3, "The encoder's step size at its peak", low=1e-7, high=1.0, log=True, more=True)
    paragraphs: int = knob(256, "Paragraphs of four sentences that the encoder learns from, by all speakers together",
                           low=2, high=100_000, more=True)  # fmt: skip
    batch_speakers: int = knob(16, "Speakers of an encoder's batch", low=2, high=256, more=True)
    batch_utterances: int = knob(4, "Crops by each of them; fewer speakers have more", low=2, high=64, more=True)
    layers: int = knob(3, "LSTM layers of the encoder", low=1, high=6, more=True)
    cells: int = knob(64, "Cells of each", low=8, high=1024, more=True)
    width: int = knob(64, "Numbers of a speaker vector", low=4, high=1024, more=True)
    batch: int = knob(16, "Utterances per step of the synthesiser", low=1, high=4096, unit="utterances", more=True)
    mel_bins: int = knob(40, "Mel bins that the synthesiser makes", low=20, high=128, more=True)
    channels: int = knob(64, "Width of the synthesiser", low=8, high=1024, more=True)
    decoder_layers: int = knob(3, "Convolutions between phones and frames", low=1, high=8, more=True)
    reduction: int = knob(3, "Frames that the attention's decoder makes at once", low=1, high=10, more=True,
                          when={"aligner": (ATTENTION,)})  # fmt: skip
    test_speakers: int = knob(
        24, "Speakers that nothing has heard, whose voices are cloned", low=2, high=200, more=True
    )
    test_sentences: int = knob(8, "Sentences that each of them says", low=1, high=100, more=True)
    references: int = knob(3, "Other sentences, from which a voice is taken", low=1, high=20, more=True)
    heard: int = knob(2, "Sentences of each that are made to sound, for pitch and for the judge", low=1, high=100,
                      more=True)  # fmt: skip
    judge_speakers: int = knob(64, "Speakers that the judge's encoder learns from", low=2, high=64, more=True)
    judge_paragraphs: int = knob(128, "Paragraphs that it learns from", low=2, high=10_000, more=True)
    judge_steps: int = knob(250, "Steps of the judge", low=1, high=1_000_000, more=True)
    epochs: int = knob(10, "Passes over the utterances, where steps are 0", low=1, high=10_000, more=True)
    evaluations: int = knob(4, "How often each network is looked at while it learns", low=1, high=1000, more=True)
    patience: int = knob(
        0, "Stop after this many evaluations without a better one; 0 never stops early", low=0, high=100,
        unit="evaluations", label="Stop early after", more=True,
    )  # fmt: skip
    warmup: float = knob(0.05, "Share of the steps in which the rate rises", low=0.0, high=1.0, more=True)
    clip: float = knob(3.0, "Longest gradient; 0 does not clip", low=0.0, high=1000.0, more=True)
    keep_model: bool = knob(True, "Save encoder and synthesiser", more=True)

    @property
    def encodes(self) -> bool:
        """Whether a speaker encoder takes part."""
        return self.condition in ENCODED


BANK = Sample(
    "speaker-bank",
    "Synthetic speakers",
    "Generated voices with the exact time of every phone; needs espeak-ng (pip install espeakng-loader).",
    generated=True,
)

_ARM = Sv2tts(keep_model=False, evaluations=2, heard=1, phases=32)
_E8, _E32, _E256 = "8 speakers", "32 speakers", "256 speakers"
_TEN_PERCENT, _THREE_PERCENT = 0.105, 0.030
"""Differences of logarithms: −ln 0.9 and −ln 0.97."""


def _closer(text: str, than: str, by: float = 0.0, *, better: str = _E256, asserted: bool = True) -> Better:
    return Better(text, "log_distance", better, than, by=by, lower=True, asserted=asserted)


def _alike(text: str, better: str, than: str, *, asserted: bool = True) -> Better:
    return Better(text, "judge_cosine", better, than, asserted=asserted)


CLAIM = Claim(
    arms={
        _E8: _ARM.replace(speakers=8),
        _E32: _ARM.replace(speakers=32),
        _E256: _ARM,
        NONE: _ARM.replace(condition=NONE),
        NEAREST: _ARM.replace(condition=NEAREST),
        RANDOM: _ARM.replace(condition=RANDOM),
        UPPER: _ARM.replace(condition=UPPER),
    },
    statements=(
        _closer("With the vector of an encoder of 256 speakers, cepstra lie 10 % closer to the true voice's than "
                "without a vector", NONE, _TEN_PERCENT),
        _closer("… and 3 % closer than with an encoder of 8 speakers, from as many sentences", _E8, _THREE_PERCENT),
        Better("An encoder of 256 speakers tells unheard speakers apart with an equal error rate 5 points below one "
               "of 8", "equal_error_rate", _E256, _E8, by=0.05, lower=True),
        _alike("A judge that learned from others hears the cloned voice more alike with 32 speakers than with 8", _E32,
               _E8),
        _alike("… and more with 256 than with 32", _E256, _E32),
        _closer("The vector of the unheard voice beats that of the nearest voice in training", NEAREST, asserted=False),
        _closer("… and a vector drawn at random", RANDOM, asserted=False),
        Better("The median pitch is closer to the true one than without a vector", "pitch_error_semitones", _E256, NONE,
               lower=True, asserted=False),
        _closer("A table that has learned the test's speakers is closer still", _E256, better=UPPER, asserted=False),
    ),
    seeds=3,
    note="Synthetic speakers. All encoders learn from equally many sentences and steps, all synthesisers from the same "
    "24 other speakers. Voices to be cloned are of 24 further speakers, taken from three sentences that are not those "
    "of the test; the judge is an encoder of a fourth group. True phone lengths are given, so frames are compared one "
    "by one. Distances are compared by their logarithms.",
)  # fmt: skip


@recipe(
    tab=SPEECH,
    title="Voice cloning",
    paper=Paper(
        "Transfer Learning from Speaker Verification to Multispeaker Text-To-Speech Synthesis", 2018, "1806.04558",
        "An encoder that has learned to tell many speakers apart lends its vector to a synthesiser: a voice never "
        "heard in training is imitated from seconds of speech.",
    ),
    reads={
        "speech": Slot(
            SpeechFolder, "Speech to learn speaking from",
            "Generated speakers, whose phones' times are known; or LibriTTS, VCTK, LibriSpeech, CMU ARCTIC or another "
            "corpus with English texts and speakers, with phones met by attention.",
            (BANK,),
        ),
        "speakers": Slot(
            SpeechFolder, "Speakers to tell apart",
            "Generated speakers; or VoxCeleb, another corpus that tells speakers, or a folder with a folder of sounds "
            "for each. Texts are not needed.",
            (BANK,),
        ),
    },
    writes={
        "similarity": ImageGrid, "loss": Curve, "equal_error_rate": Curve, "mel_error": Curve, "mels": ImageGrid,
        "map": Embedding, "conditions": Table, "speakers": Table, "cloned": Audio, "outcomes": Outcomes,
    },
    layout=(
        ("similarity", "map"), ("mels",), ("loss", "equal_error_rate", "mel_error"), ("conditions",), ("cloned",),
        ("speakers",),
    ),
    presets={
        "smoke": Sv2tts(
            speakers=4, paragraphs=4, encoder_steps=3, batch_speakers=3, batch_utterances=2, layers=1, cells=12,
            width=8, voices=3, sentences=2, max_steps=4, batch=3, mel_bins=20, channels=12, test_speakers=2,
            test_sentences=2, references=1, heard=1, judge_speakers=3, judge_paragraphs=3, judge_steps=2, phases=16,
            evaluations=2,
        ),
        "desk": Sv2tts(),
        "paper": Sv2tts(
            speakers=2048, paragraphs=40_000, encoder_steps=300_000, encoder_rate=1e-4, batch_speakers=64,
            batch_utterances=10, cells=768, width=256, voices=512, sentences=100, max_steps=250_000, batch=32,
            mel_bins=80, channels=512, aligner=ATTENTION, learning_rate=1e-3, evaluations=20,
        ),
    },
    claim=CLAIM,
)  # fmt: skip
def run(job: Job, params: Sv2tts) -> None:
    """Learn to tell speakers apart, lend what was learned to a synthesiser, and let it speak with unheard voices.

    The **encoder** hears crops of 1.2 s and learns by the generalised end-to-end loss: of a batch's speakers each
    crop must lie closest to its own speaker's centroid, from which it is left out itself. Half of the paper is that
    *many* speakers matter more than much speech, so encoders of 8, 32 and 256 speakers get equally many sentences.

    The frozen encoder's vector goes to the **synthesiser** beside every phone: an embedding, convolutions and a GRU
    read the phones, which are spread over their frames and turned into a mel spectrogram. In training the vector is
    that of the utterance itself, in the test that of other sentences. Phones are spread by their true lengths, or by
    location-sensitive attention as in Tacotron 2. **Griffin and Lim's** method finds phases for the spectrogram, or
    a trained **vocoder** makes the sound.

    The **test** clones speakers that nothing has heard, and compares with what they really said: cepstra, pitch, and
    how alike a judge finds them, which is an encoder that learned from yet other speakers.

    **Own corpora** tell no phones' times: espeak-ng, in its own process, names the phones of a text, and attention
    must find them in the sound. Then frames cannot be compared one by one, so cepstral distances are not measured;
    statements about them are left out, and said to be.

    Clone only voices whose owners agree. What is exported says in its file that it is synthetic.
    """
    from .method import train

    train(job, params)


def preview(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """Who speaks in a slot's data, and what."""
    from .data import preview as look

    return look(slot, address)


def apply(job: Any, model: Path, inputs: dict[str, Any]) -> Any:
    """Say a text with a voice: a sound's, one between two sounds, or one that nobody has."""
    from .serve import answer

    return answer(job, model, inputs)
