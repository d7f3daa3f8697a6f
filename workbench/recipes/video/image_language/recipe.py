"""Pretrain a small image-language backbone: pictures and their captions meet in one space."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from workbench.core.claim import Better, Claim, Gate
from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.kinds import (
    CaptionedPictures,
    Confusion,
    Curve,
    Embedding,
    Image,
    Outcomes,
    Sample,
    Slot,
    Table,
)
from workbench.core.mixins import MINILM, Training
from workbench.core.params import knob
from workbench.core.recipe import VIDEO, Paper, recipe

CAPTIONS, SHUFFLED, NOTHING = "captions", "shuffled captions", "nothing"
LEARNS = {"learn_from": (CAPTIONS, SHUFFLED)}


class ImageLanguage(Training):
    """Knobs of pretraining, and of the tests that ask what was learned."""

    learn_from: Literal["captions", "shuffled captions", "nothing"] = knob(
        CAPTIONS, "What the encoder learns from: each picture's caption, captions of other pictures (a control), or "
        "nothing (random weights)",
    )  # fmt: skip
    pictures: int = knob(24_000, "Generated pictures with captions to learn from", low=8, high=10_000_000,
                         unit="pictures", when=LEARNS)  # fmt: skip
    max_steps: int = knob(1800, "Steps of pretraining; 0 means by epochs", low=0, high=10_000_000,
                          label="Pretraining steps", when=LEARNS)  # fmt: skip
    batch: int = knob(128, "Pairs that are told apart in one step", low=2, high=65_536, unit="pairs", when=LEARNS)
    learning_rate: float = knob(2e-3, "Step size at its peak", low=1e-7, high=1.0, log=True, when=LEARNS)
    weight_decay: float = knob(0.05, "AdamW's weight decay", low=0.0, high=1.0, more=True, when=LEARNS)
    left_out: float = knob(
        0.3, "How often a generated caption leaves out the size, and how often the place", low=0.0, high=1.0,
        when=LEARNS,
    )  # fmt: skip
    shots: int = knob(4, "Labelled pictures of each class that the linear probe learns from", low=1, high=256,
                      unit="pictures")  # fmt: skip
    image_px: int = knob(32, "Edge of a picture; a multiple of the patch", low=16, high=512, unit="pixels",
                         label="Picture size")  # fmt: skip
    patch: int = knob(8, "Edge of the square that becomes one token", low=4, high=64, unit="pixels")
    width: int = knob(96, "Width of the picture encoder; a multiple of the heads", low=16, high=2048)
    layers: int = knob(4, "Layers of the picture encoder", low=1, high=48)
    heads: int = knob(4, "Attention heads of the picture encoder", low=1, high=32, more=True)
    dim: int = knob(128, "Width of the space that pictures and texts meet in", low=8, high=2048, more=True)
    text_encoder: str = knob(MINILM, "The sentence encoder behind the text side; it stays as it is", more=True,
                             widget="backbone")  # fmt: skip
    test_pictures: int = knob(1080, "Generated pictures that are only tested on; half as many choose the best weights",
                              low=36, high=100_000, unit="pictures", more=True)  # fmt: skip
    epochs: int = knob(10, "Passes over the pictures", low=1, high=10_000, more=True, when=LEARNS)
    evaluations: int = knob(8, "How often validation pictures are looked at", low=1, high=1000, more=True, when=LEARNS)
    keep_model: bool = knob(True, "Save the model", more=True)


STILLS = Sample(
    "stills",
    "Generated stills",
    "One of six shapes in one of six colours before random blocks: “a small red circle at the left”.",
    generated=True,
)

# Chosen on seed 90 alone, before this recipe was there: 24,000 stills, 3,000 steps of 128 at 0.002 named 97 % of shape
# and colour on 1,080 others (70 % after 500 steps). Seed 0 is the starter's; the claim's seeds are 1 to 3.
# Carried out as it stands on seeds 1 and 2: zero-shot 0.863 and 0.856 (shuffled captions 0.018 and 0.031, 1,200
# pictures 0.686 and 0.676), linear probe 0.696 and 0.711 (random weights 0.147 and 0.154), frames of clips 0.397 and
# 0.432. Those frames show sprites of other sizes at other places than stills do;
# more steps help (0.611 after 4,000, seed 0).
DESK = ImageLanguage()
_ARM = DESK.replace(max_steps=500, evaluations=2, keep_model=False)
_FULL, _FEW, _SHUFFLED, _RANDOM = "24,000 pictures", "1,200 pictures", "shuffled captions", "random weights"


CLAIM = Claim(
    arms={
        _RANDOM: _ARM.replace(learn_from=NOTHING),
        _SHUFFLED: _ARM.replace(learn_from=SHUFFLED),
        _FEW: _ARM.replace(pictures=1200),
        _FULL: _ARM,
    },
    statements=(
        Better("What learned from captions names shape and colour of new pictures without a labelled one, 50 points "
               "above what learned from shuffled captions", "zero_shot", _FULL, _SHUFFLED, by=0.5, items="outcomes"),
        Better("A linear probe on four labelled pictures a class is better on its features than on random weights, by "
               "20 points", "probe_accuracy", _FULL, _RANDOM, by=0.2, items="probe_outcomes"),
        Better("… and than on what shuffled captions taught", "probe_accuracy", _FULL, _SHUFFLED, by=0.1,
               items="probe_outcomes"),
        Better("Single frames of moving sprites, which it never saw, are named 40 points better than after shuffled "
               "captions", "zero_shot_frames", _FULL, _SHUFFLED, by=0.4, asserted=False),
        Better("More pictures teach more than more passes over few, at the same number of steps", "zero_shot", _FULL,
               _FEW, by=0.05, asserted=False, items="outcomes"),
    ),
    gates=(
        Gate("After shuffled captions, less than 12 % is named right (2.8 % is chance)", "zero_shot", _SHUFFLED, 0.0,
             0.12),
        Gate("Random weights name below 12 %", "zero_shot", _RANDOM, 0.0, 0.12),
    ),
    seeds=3,
    note="Generated stills; 36 classes of shape × colour. All arms that learn take the same 500 steps of 128 pairs at "
    "the same rate. Test pictures come from another seed than those that are learned from or choose the best weights.",
)  # fmt: skip


@recipe(
    tab=VIDEO,
    title="Image-language pretraining",
    paper=Paper(
        "Learning Transferable Visual Models From Natural Language Supervision (CLIP)",
        2021,
        "2103.00020",
        "A picture encoder learns from captions alone, and then names what it sees from words it is given.",
    ),
    reads={
        "pictures": Slot(
            CaptionedPictures, "Pictures with captions",
            "A folder with captions.csv (file, caption) or a .txt beside each picture, or COCO's captions JSON. A "
            "fifth of the pictures is held out.",
            (STILLS,),
        ),
    },
    writes={
        "loss": Curve, "zero_shot": Curve, "retrieval": Curve, "similarity": Image, "found": Image, "map": Embedding,
        "confusion": Confusion, "scores": Table, "outcomes": Outcomes, "probe_outcomes": Outcomes,
    },
    layout=(("loss", "zero_shot", "retrieval"), ("similarity", "map"), ("found", "confusion", "scores")),
    presets={
        "smoke": ImageLanguage(
            pictures=96, max_steps=6, batch=16, width=16, layers=1, heads=2, dim=16, test_pictures=72, shots=2,
            evaluations=2,
        ),
        "desk": DESK,
        "paper": ImageLanguage(
            pictures=400_000, max_steps=0, epochs=32, batch=32_768, learning_rate=5e-4, weight_decay=0.2, left_out=0.0,
            image_px=224, patch=32, width=768, layers=12, heads=12, dim=512, warmup=0.02, evaluations=32,
        ),
    },
    claim=CLAIM,
)  # fmt: skip
def run(job: Job, params: ImageLanguage) -> None:
    """Learn to tell which caption belongs to which picture, then name new pictures by their likeness to words.

    A small vision transformer looks at pictures; captions go through a sentence encoder that stays as it is and a
    learned projection. In each step, every picture of the batch must be most like its own caption and every caption
    most like its own picture (symmetric InfoNCE with a learned temperature, at most 100). Pictures of the batch that
    have the very same caption count as its pictures, too.

    **Zero-shot**: the class whose text is nearest is the answer; no labelled picture is seen. **Retrieval**: the share
    of pictures whose nearest caption is right (R@1), and of captions whose nearest picture is; any picture with that
    caption counts. **Linear probe**: logistic regression on the frozen features of a few labelled pictures.

    Unlike the paper's, the text encoder is pretrained and frozen, since the desk's captions are too few to learn a
    language from. The best weights are chosen by retrieval on validation pictures; the test pictures are others.

    The model that is saved can be chosen wherever the Video tab asks for an image-language backbone.
    """
    from .method import train

    train(job, params)


def preview(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """What a slot's data is: pictures with their captions."""
    from .data import preview as look

    return look(slot, address, values)


def apply(job: Any, model: Path, inputs: dict[str, Any]) -> Any:
    """Say which of some texts a picture is most like."""
    from .serve import answer

    return answer(job, model, inputs)
