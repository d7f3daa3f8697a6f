"""Train a small HiFi-GAN vocoder, and ask whether it sounds truer than phases that are searched for."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from workbench.core.claim import Better, Claim
from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.kinds import Audio, Curve, ImageGrid, Outcomes, Sample, Slot, SpeechFolder, Table
from workbench.core.mixins import Training
from workbench.core.params import knob
from workbench.core.recipe import SPEECH, Paper, recipe

HIFI_GAN, ALONE, SEARCHED = "HiFi-GAN", "no discriminators", "Griffin-Lim"
LEARNED = (HIFI_GAN, ALONE)
CLONING, SPEECHT5, PUBLISHED = FRAMES = ("voice cloning", "SpeechT5 trained here", "published SpeechT5")


class HifiGanParams(Training):
    """Knobs of the generator, of what judges it, and of whose speech it learns from."""

    method: Literal["HiFi-GAN", "no discriminators", "Griffin-Lim"] = knob(
        HIFI_GAN, "What makes sound of the frames: the generator with its discriminators, the generator alone, or "
        "phases by Griffin and Lim, which learn nothing",
    )  # fmt: skip
    frames: Literal["voice cloning", "SpeechT5 trained here", "published SpeechT5"] = knob(
        CLONING, "Whose frames it has to understand; a vocoder fits no others"
    )
    max_steps: int = knob(900, "Steps of training; 0 means by epochs", low=0, high=10_000_000, label="Steps",
                          when={"method": LEARNED})  # fmt: skip
    learning_rate: float = knob(2e-3, "The generator's step size at its peak; discriminators have half of it", low=1e-7,
                                high=1.0, log=True, when={"method": LEARNED})  # fmt: skip
    judged_from: float = knob(
        0.65, "Share of the steps after which discriminators join in", low=0.0, high=1.0, when={"method": (HIFI_GAN,)}
    )  # fmt: skip
    mel_weight: float = knob(45.0, "Weight of the mel error", low=0.0, high=1000.0, when={"method": LEARNED})
    spectral_weight: float = knob(
        10.0, "Weight of the error of spectra at four resolutions, which the paper has not; 0 leaves it out", low=0.0,
        high=1000.0, when={"method": LEARNED},
    )  # fmt: skip
    feature_weight: float = knob(2.0, "Weight of the discriminators' features", low=0.0, high=100.0,
                                 when={"method": (HIFI_GAN,)})  # fmt: skip
    channels: int = knob(128, "Channels behind the generator's first layer, halved by each upsampling; a multiple of 8",
                         low=8, high=1024, when={"method": LEARNED})  # fmt: skip
    iterations: int = knob(60, "Griffin-Lim's iterations", low=16, high=400)
    judge_channels: int = knob(8, "Channels of the discriminators' first layers; a multiple of 4", low=4, high=64,
                               more=True, when={"method": (HIFI_GAN,)})  # fmt: skip
    crop_s: float = knob(0.5, "Length of a crop", low=0.1, high=10.0, unit="s", more=True)
    batch: int = knob(4, "Crops per step", low=1, high=1024, unit="crops", more=True)
    speakers: int = knob(80, "Generated speakers to learn from", low=2, high=2048, more=True)
    sentences: int = knob(5, "Sentences by each of them", low=1, high=1000, more=True)
    test_speakers: int = knob(16, "Generated speakers that only the test hears", low=2, high=400, more=True)
    test_sentences: int = knob(2, "Sentences by each of them", low=1, high=100, more=True)
    utterances: int = knob(0, "Recordings of a folder to learn from; 0 takes all", low=0, high=10_000_000,
                           unit="utterances", more=True)  # fmt: skip
    epochs: int = knob(10, "Passes over the recordings, where steps are 0", low=1, high=100_000, more=True)
    evaluations: int = knob(4, "How often held-out speech is made to sound meanwhile", low=1, high=1000, more=True)
    patience: int = knob(
        0, "Stop after this many evaluations without a better one; 0 never stops early", low=0, high=100,
        unit="evaluations", label="Stop early after", more=True,
    )  # fmt: skip
    warmup: float = knob(0.03, "Share of the steps in which the rate rises", low=0.0, high=1.0, more=True)
    clip: float = knob(0.0, "Longest gradient of generator and discriminators together; 0 does not clip", low=0.0,
                       high=100_000.0, more=True)  # fmt: skip
    keep_model: bool = knob(True, "Save the generator", more=True)


BANK = Sample(
    "speaker-bank",
    "Synthetic speakers",
    "Sentences read by generated voices; needs espeak-ng (pip install espeakng-loader).",
    generated=True,
)

_ARM = HifiGanParams(keep_model=False, evaluations=1)


def _closer(text: str, metric: str, than: str, *, by: float = 0.0, asserted: bool = True) -> Better:
    items = "outcomes" if metric == "spectral_distance_db" else ""
    return Better(text, metric, HIFI_GAN, than, by=by, lower=True, asserted=asserted, items=items)


CLAIM = Claim(
    arms={
        SEARCHED: _ARM.replace(method=SEARCHED),
        ALONE: _ARM.replace(method=ALONE),
        HIFI_GAN: _ARM,
    },
    statements=(
        _closer("Of the same frames of unheard speakers, HiFi-GAN's sound lies closer to the recording than "
                "Griffin-Lim's: spectra at four resolutions", "spectral_distance_db", SEARCHED),
        _closer("… and cepstra", "cepstral_distance_db", SEARCHED),
        _closer("… and pitch", "pitch_error_semitones", SEARCHED, asserted=False),
        _closer("Discriminators bring it closer than the same generator without them", "spectral_distance_db", ALONE,
                asserted=False),
    ),
    seeds=3,
    note="Synthetic speakers. All arms have the same recordings and make the same frames sound; the learned ones have "
    "900 steps, two minutes of one core. The vocoder that comes along has several times as many and is still further "
    "from the recording than Griffin-Lim, so this is not expected to hold at this size: it tells how far minutes go.",
)  # fmt: skip


@recipe(
    tab=SPEECH,
    title="Vocoder",
    paper=Paper(
        "HiFi-GAN: Generative Adversarial Networks for Efficient and High Fidelity Speech Synthesis", 2020,
        "2010.05646",
        "A convolutional generator turns mel frames into sound, taught by discriminators that look at its periods.",
    ),
    reads={
        "speech": Slot(
            SpeechFolder, "Speech", "A folder with sounds at any depth, or a corpus such as LibriSpeech or VCTK; "
            "nothing needs to be transcribed.",
            (BANK,),
        ),
    },
    writes={
        "spectra": ImageGrid, "loss": Curve, "mel_error": Curve, "spectral_distance": Curve, "distances": Table,
        "sounds": Audio, "utterances": Table, "outcomes": Outcomes,
    },
    layout=(("spectra",), ("spectral_distance", "mel_error", "loss"), ("distances",), ("sounds",), ("utterances",)),
    presets={
        "smoke": HifiGanParams(
            max_steps=4, channels=8, judge_channels=4, crop_s=0.2, batch=2, speakers=2, sentences=2, test_speakers=2,
            test_sentences=1, iterations=16, evaluations=2,
        ),
        "desk": HifiGanParams(),
        "paper": HifiGanParams(
            max_steps=2_500_000, learning_rate=2e-4, judged_from=0.0, spectral_weight=0.0, channels=512,
            judge_channels=32, batch=16, warmup=0.0, evaluations=50, speakers=1000, sentences=40,
        ),
    },
    claim=CLAIM,
)  # fmt: skip
def run(job: Job, params: HifiGanParams) -> None:
    """Learn to turn a synthesiser's mel frames into sound, and compare with phases that are searched for.

    Mel frames tell how loud each band is, and not at which phase. **Griffin and Lim's** method searches for phases
    that agree with each other; bands that the frames do not resolve stay blurred. The **generator** of HiFi-GAN,
    as transformers has it (SpeechT5HifiGan), is a stack of upsampling convolutions that has heard what speech is
    like. It learns by the mel error, by the error of spectra at four resolutions, and, for the later part of the
    steps, from **discriminators**: five look at every second, third, fifth, seventh and eleventh sample, two at
    neighbouring samples at two rates. The generator also learns to give their layers what recordings give them. The
    jump of the loss is where they join in.

    Paper and program differ: the paper needs days of a GPU and takes no spectral error beside the mel error; here
    both networks are small, discriminators come late, and weight normalisation is theirs alone.

    The **test** makes sound of the frames of real recordings by speakers that nothing has heard, and compares with
    those recordings: spectra at resolutions that no loss has, cepstra, pitch and voicing. Griffin-Lim stands in each
    table. The model is a folder in Hugging Face format, for `vocoder` of voice cloning and of SpeechT5.
    """
    from .method import train

    train(job, params)


def preview(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """What a folder holds, or the first generated speakers."""
    from .data import preview as look

    return look(address)


def apply(job: Any, model: Path, inputs: dict[str, Any]) -> Any:
    """Make a sound again out of its own frames: what the vocoder loses can be heard."""
    from .serve import answer

    return answer(job, model, inputs)
