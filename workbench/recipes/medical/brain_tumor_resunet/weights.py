"""Where the encoder's first weights come from: a file, our starter, or a pretraining kept in the cache."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.engine import rng
from workbench.engine.backbone_folders import STARTERS
from workbench.engine.devices import Place
from workbench.engine.text import cache

from .networks import EfficientEncoder, EncoderName, ResidualEncoder
from .pretrain import SIDE, TEXTURES, Namer, Scenes, naming_loss, overlap
from .recipe import BrainTumorResunet

EDITION = 2
"""Raised when the same steps would give other weights, so that an old cache is not read."""
PICTURES_SEED, WEIGHTS_SEED = 1, 0
BATCH, RATE, RISING_STEPS = 32, 3e-3, 15
STARTER, STARTER_STEPS = "texture-encoder", 1500
HELD_OUT, TESTED = 10**9, 128
"""Pictures from this number on are never learned from."""


def put_in(
    job: Job, encoder: EfficientEncoder | ResidualEncoder, params: BrainTumorResunet, channels: int, place: Place
) -> None:
    """Load pretrained weights into the encoder; pretrains once where none are at hand.

    Raises InputError, on field `weights`, for a file that does not fit.
    """
    if params.weights:
        tensors = _read(Path(params.weights).expanduser())
    else:
        tensors = _read(at_hand(job, params.encoder, params.pretrain_steps, place))
    stem = "_conv_stem.weight"
    if stem in tensors:
        tensors[stem] = stem_for(tensors[stem], channels)
    wanted = encoder.state_dict()
    # A classifier's own layers come with most files, counters of batches with some.
    tensors = {name: one for name, one in tensors.items() if name in wanted}
    missing = [name for name, one in wanted.items() if name not in tensors and "num_batches" not in name]
    unlike = [name for name, one in tensors.items() if one.shape != wanted[name].shape]
    if missing or unlike:
        raise InputError(
            "These weights are of another encoder.", expected=f"EfficientNet {params.encoder} with MONAI's names",
            received=f"{len(missing)} tensors missing, {len(unlike)} of another shape, such as {(missing + unlike)[0]}",
            fix="Choose the encoder that the file was made for, or leave the field empty.", field="weights",
        )  # fmt: skip
    encoder.load_state_dict(tensors, strict=False)


def stem_for(weight: Tensor, channels: int) -> Tensor:
    """A first convolution (O, 3, k, k) for another number of channels: the mean filter, scaled to the same sum."""
    have = weight.shape[1]
    if channels == have:
        return weight
    return weight.mean(1, keepdim=True).repeat(1, channels, 1, 1) * (have / channels)


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(
            "The encoder's weights cannot be read.", expected="a .safetensors file", received=str(error)[:200],
            fix="Save them with safetensors; pickled files (.pth) are not opened.", field="weights", place=path.name,
        ) from None  # fmt: skip


def at_hand(job: Job, encoder: EncoderName, steps: int, place: Place) -> Path:
    """The file of an encoder pretrained for so many steps: the starter, the cache's, or made now."""
    starter = STARTERS / STARTER / "encoder.safetensors"
    if encoder == "half" and steps == STARTER_STEPS and starter.is_file():
        return starter
    task = Scenes(PICTURES_SEED)
    name = f"{encoder}-{cache.digest(EDITION, encoder, steps, *task.photographs)}.safetensors"
    path = cache.folder("encoders") / name
    if not path.exists():
        job.log("Pretraining the encoder on generated scenes; later runs use it again.")
    return cache.keep(path, lambda scratch: save_file(learn(job, encoder, task, steps, place), scratch))


def learn(job: Job, encoder: EncoderName, task: Scenes, steps: int, place: Place) -> dict[str, Tensor]:
    """Pretrain an encoder for three channels; the same steps and pictures give the same weights on one machine."""
    with rng.aside():
        rng.seed(WEIGHTS_SEED)
        model = Namer(EfficientEncoder(encoder, task.channels, SIDE)).to(place.device)
        optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
        job.phase("pretraining the encoder")
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = RATE * min(1, (step + 1) / RISING_STEPS) * (1 - step / steps)
            model.train()
            images, names = (one.to(place.device) for one in task.batch(step * BATCH, BATCH))
            loss = naming_loss(model(images), names)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            job.progress(step + 1, steps)
        share = overlap(model, task, first=HELD_OUT, count=TESTED, device=place.device)
        job.log(f"On new scenes the {len(TEXTURES)} textures are outlined at a mean overlap (IoU) of {share:.0%}.")
    return {name: one.detach().cpu().contiguous() for name, one in model.encoder.state_dict().items()}
