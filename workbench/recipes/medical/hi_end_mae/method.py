"""The course of a run: pretraining by masking, a probe of every layer, segmentation from few labels, the test."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.core.words import spaced
from workbench.engine import rng
from workbench.engine.devices import Place, place_of
from workbench.engine.medical.segmentation import Segmentation, Windows, probabilities
from workbench.engine.medical.sliding import for_volumes
from workbench.engine.stages import Stage, Stages
from workbench.engine.training import fit

from . import going_on, probe, show
from .data import Case, Floats, Scans, Shots, load, middle, pretraining_crop, shots_of
from .going_on import Before
from .loss import SquaredDice, rarity
from .networks import Decoder, Encoder, MaskedAutoencoder, PlainDecoder, Unetr, parameters, shuffled
from .recipe import MODALITY, HiEndMae
from .weights import load_published, monai_names

HELD_OUT_MASKS = 24
"""The held-out loss is taken over this many crops, always with the same masks."""
LOOK_BATCH = 8


# Networks -----------------------------------------------------------------------------------


def taps_of(params: HiEndMae) -> tuple[int, ...]:
    """The four tapped layers; raises InputError unless they rise and end at the last layer."""
    words = params.taps.replace(",", " ").split()
    found = tuple(int(word) for word in words if word.isdigit())
    rising = all(one < other for one, other in zip((0, *found), found, strict=False))
    if len(found) != 4 or len(found) != len(words) or not rising or found[-1] != params.layers:
        raise InputError(
            "The taps do not fit the encoder.",
            expected=f"four rising layers of which the last is {params.layers}, such as '2, 4, 6, 8'",
            received=params.taps,
            fix="Name three layers and the number of layers.",
            field="taps",
        )
    return found


def grid_of(params: HiEndMae) -> int:
    """Patches along an edge of the crop; raises InputError unless they fill it."""
    if params.crop % params.patch:
        raise InputError(
            "The crop is not made of whole patches.",
            expected=f"a multiple of {params.patch}",
            received=str(params.crop),
            fix="Choose a multiple of the patch's edge.",
            field="crop",
        )
    return params.crop // params.patch


def make_encoder(params: HiEndMae) -> Encoder:
    """The vision transformer, with published weights where those are named."""
    if params.width % params.heads or params.decoder_width % params.heads:
        raise InputError(
            "The widths do not divide by the heads.",
            expected=f"multiples of {params.heads}",
            received=f"{params.width} and {params.decoder_width}",
            fix="Change the number of heads.",
            field="heads",
        )
    encoder = Encoder(patch=params.patch, width=params.width, layers=params.layers, heads=params.heads)
    if params.weights:
        load_published(encoder, Path(params.weights))
    return encoder


def make_autoencoder(encoder: Encoder, params: HiEndMae) -> MaskedAutoencoder:
    """The encoder with the decoder that `pretrain` names; both decoders have the same size."""
    shape = {"encoder_width": params.width, "width": params.decoder_width, "heads": params.heads}
    decoder: Decoder | PlainDecoder
    asking = Decoder(
        **shape, voxels=params.patch**3, depth=params.decoder_depth,
        self_attention=params.decoder != "without self-attention",
    )  # fmt: skip
    decoder, taps = asking, taps_of(params)
    if params.pretrain == "plain MAE":
        decoder = PlainDecoder(
            **shape, voxels=params.patch**3, depth=params.decoder_depth + len(taps) - 1, size=parameters(asking)
        )
    elif params.decoder == "last layer only":
        taps = (params.layers,) * len(taps)
    return MaskedAutoencoder(
        encoder, decoder, grid=grid_of(params), width=params.decoder_width, taps=taps, mask_share=params.mask_share
    )


# Pretraining --------------------------------------------------------------------------------


class Restoration:
    """The objective of pretraining: random crops, random masks, the loss over what is hidden.

    What chance does depends on the seed, the step and the scan alone, so a resumed run sees the same.
    """

    def __init__(self, model: MaskedAutoencoder, cases: Sequence[Case], params: HiEndMae, *, seed: int) -> None:
        self.model: nn.Module = model
        self.autoencoder, self.cases, self.params, self.seed = model, cases, params, seed
        self.steps = 0

    @property
    def examples(self) -> int:
        return len(self.cases)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Matrices decay; norms, biases and tokens do not. Betas as the paper has them."""
        learning = [(name, one) for name, one in self.model.named_parameters() if one.requires_grad]
        common = {"lr": self.params.learning_rate, "betas": (0.9, 0.95)}
        free = {name for name, one in learning if one.ndim <= 1 or name.endswith("_token")}
        return [
            {"params": [one for name, one in learning if name not in free], **common,
             "weight_decay": self.params.weight_decay},
            {"params": [one for name, one in learning if name in free], **common, "weight_decay": 0.0},
        ]  # fmt: skip

    def progress(self, fraction: float) -> None:
        """Before each step: what chance does next depends on how many there were."""
        self.steps += 1

    def collate(self, indices: list[int]) -> dict[str, Tensor]:
        """Crops (B, 1, Z, Y, X) and the patches' order (B, N), visible ones first."""
        crops, orders = [], []
        for index in indices:
            chance = np.random.default_rng((self.seed, self.steps, index))
            crops.append(pretraining_crop(self.cases[index], self.params, chance))
            orders.append(chance.permutation(self.autoencoder.grid**3))
        return {"crop": torch.from_numpy(np.stack(crops)), "order": torch.from_numpy(np.stack(orders))}

    def weight(self, batch: dict[str, Tensor]) -> float:
        return float(len(batch["crop"]))

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        return self.autoencoder.loss(batch["crop"], batch["order"])

    def state(self) -> dict[str, int]:
        return {"steps": self.steps}

    def load_state(self, state: dict[str, int]) -> None:
        self.steps = state["steps"]


class _Watcher:
    """Looks at held-out scans while pretraining goes on; masks never change.

    Beside the held-out error stands that of knowing the mean anatomy alone, from the scans that are learned from.
    """

    def __init__(
        self, job: Stage, model: MaskedAutoencoder, cases: Sequence[Case], *, known: Sequence[Case],
        params: HiEndMae, place: Place,
    ) -> None:  # fmt: skip
        self.job, self.model, self.cases, self.params, self.place = job, model, cases, params, place
        crop = model.grid * model.encoder.patch
        crops = [torch.from_numpy(np.ascontiguousarray(middle(one.image, crop)))[None] for one in cases]
        times = max(1, HELD_OUT_MASKS // len(crops))
        self.crops = torch.stack(crops * times)
        self.orders = shuffled(len(self.crops), model.grid**3, chance=torch.Generator().manual_seed(2025))
        self.mean_error = probe.place_mean_error(model, known, self.crops, self.orders)

    @torch.no_grad()
    def evaluate(self, step: int) -> float:
        """The mean squared error on hidden patches of held-out scans."""
        self.model.eval()
        total = 0.0
        for at in range(0, len(self.crops), LOOK_BATCH):
            crops, orders = (one[at : at + LOOK_BATCH].to(self.place.device) for one in (self.crops, self.orders))
            with self.place.autocast():
                total += self.model.loss(crops, orders).item()
        self.job.metric("reconstruction", total / len(self.crops), series="held out", step=step)
        self.job.metric("reconstruction", self.mean_error, series="held out, by the mean of each place", step=step)
        with self.job.preview("restored crop") as granted:
            if granted:
                self.show()
        return total / len(self.crops)

    def show(self) -> None:
        """The first held-out crop, what was left of it, and what was made of that."""
        crops, orders = (one[:1].to(self.place.device) for one in (self.crops, self.orders))
        show.restoration(self.job, self.model, self.cases[0], crops, orders, window=window_of(self.params))


def pretrain(stage: Stage, encoder: Encoder, scans: Scans, params: HiEndMae, place: Place) -> float:
    """Train the encoder in place; returns the held-out error."""
    rng.seed(stage.seed)
    model = make_autoencoder(encoder, params).to(place.device)
    stage.log(f"Decoder of {spaced(parameters(model.decoder))} parameters, encoder of {spaced(parameters(encoder))}.")
    watcher = _Watcher(stage, model, scans.validation, known=scans.unlabelled, params=params, place=place)
    objective = Restoration(model, scans.unlabelled, params, seed=stage.seed)
    result = fit(stage, objective, params, place=place, evaluate=watcher.evaluate, better="low")
    watcher.show()
    if result.best_value is not None and result.best_value > watcher.mean_error:
        stage.log(
            f"On held-out scans the restored patches are off by {result.best_value:.3f}, the mean patch of each place "
            f"by {watcher.mean_error:.3f}: more steps of pretraining may be needed.", "warning",
        )  # fmt: skip
    if isinstance(model.decoder, Decoder):
        show.attention(stage, model, watcher.crops[:1].to(place.device), watcher.orders[:1].to(place.device))
    return math.nan if result.best_value is None else result.best_value


# Segmentation -------------------------------------------------------------------------------


def make_segmenter(encoder: Encoder, params: HiEndMae, *, classes: int) -> Unetr:
    """A UNETR on the encoder."""
    return Unetr(encoder, grid=grid_of(params), taps=taps_of(params), features=params.features, classes=classes)


def window_of(params: HiEndMae) -> tuple[float, float]:
    """The HU that become 0 and 1."""
    return params.window_low, params.window_high


def windows_of(params: HiEndMae) -> Windows:
    """Gaussian sliding window, half of each window shared with the next."""
    return Windows(size=(params.crop,) * 3, overlap=0.5, batch=LOOK_BATCH, reading="classes")


def predicted(model: nn.Module, case: Case, params: HiEndMae, place: Place, job: Any = None) -> Floats:
    """Probabilities (K, z, y, x) of a whole scan."""

    def told() -> None:
        if job is not None:
            job.progress(0, 0)

    return probabilities(model, case.image[None], windows_of(params), place, told=told)


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One training of the segmentation: from how many scans, at which rate."""

    shots: int
    rate: float

    @property
    def name(self) -> str:
        """How curves call it."""
        return f"{self.shots} shots, rate {self.rate:g}"


def attempts_of(params: HiEndMae) -> list[Attempt]:
    """Every training of the segmentation, rates of one number of shots side by side."""
    rates = [params.fine_rate, *([params.second_rate] if params.second_rate else [])]
    return [Attempt(shots, rate) for shots in shots_of(params) for rate in rates]


def learn(
    stage: Stage, attempt: Attempt, state: dict[str, Tensor], *, scans: Scans, params: HiEndMae, place: Place,
    before: Before | None = None,
) -> tuple[Unetr, float]:  # fmt: skip
    """Train a UNETR from the encoder's state, or from a whole one; returns it at its best, with its validation Dice."""
    rng.seed(stage.seed + attempt.shots)
    encoder = Encoder(patch=params.patch, width=params.width, layers=params.layers, heads=params.heads)
    encoder.load_state_dict(state)
    model = make_segmenter(encoder, params, classes=len(scans.organs) + 1)
    if before is not None:
        model.load_state_dict(before.segmenter)
    encoder.cls_token.requires_grad_(False)  # the UNETR has no class token
    fine = params.replace(
        max_steps=params.fine_steps, batch=params.fine_batch, learning_rate=attempt.rate,
        weight_decay=params.fine_decay,
    )  # fmt: skip
    cases = scans.labelled[: attempt.shots]
    patches = Shots(cases, params.crop, times=max(1, -(-params.fine_batch // len(cases))))
    rates = {"encoder.": params.encoder_rate}
    loss = SquaredDice(rarity(cases, len(scans.organs) + 1, params.rarity) if params.rarity else None)
    objective = Segmentation(model, patches, fine, seed=stage.seed, loss=loss, rates=rates)

    def evaluate(step: int) -> float:
        value = float(np.mean([
            show.organ_dice(predicted(model, one, params, place).argmax(0), one, scans.organs).mean()
            for one in scans.validation
        ]))  # fmt: skip
        stage.metric("dice", value, series="validation", step=step)
        return value

    result = fit(stage, objective, fine, place=place, evaluate=evaluate)
    return model, 0.0 if result.best_value is None else result.best_value


# The run ------------------------------------------------------------------------------------


def train(job: Job, params: HiEndMae) -> None:
    """Load, pretrain, probe, learn to segment, test, save: the whole course of a run."""
    place = place_of(job)
    # Tokens are few and narrow, so that bfloat16 slows the pretraining down; convolutions gain by it many times.
    quick = for_volumes(place, getattr(job, "precision", "auto"))
    taps_of(params), grid_of(params)
    before = going_on.read(params) if params.continue_from else None
    params = params if before is None else going_on.settled(params, before)
    job.phase("making scans ready")
    scans = load(job, params, before)
    job.log(f"{len(scans.unlabelled)} unlabelled, {len(scans.labelled)} labelled, {len(scans.validation)} validation "
            f"and {len(scans.test)} test scans; {len(scans.organs)} organs.")  # fmt: skip
    if before is not None:
        going_on.check(scans, before)
        params = params.replace(shots=len(scans.labelled))
    stages = Stages(job)
    folder = job.folder / "weights"
    folder.mkdir(exist_ok=True)
    if before is None:
        state = _encoder_state(job, stages, folder, scans=scans, params=params, place=place)
    else:
        state = before.encoder
        _begun(job, before, scans=scans, params=params, place=quick)
    if not _kept(job):
        for attempt in attempts_of(params):
            stage = stages.begin(attempt.name, curves={"learning_rate": "learning_rate"})
            if stage is None or _kept(job):
                continue
            model, value = learn(stage, attempt, state, scans=scans, params=params, place=quick, before=before)
            known = stages.known
            if value > known.get(f"dev_dice_{attempt.shots}", -1.0):
                _put(folder / f"segmenter-{attempt.shots}.safetensors", model.state_dict())
                known |= {f"dev_dice_{attempt.shots}": value, f"rate_{attempt.shots}": attempt.rate}
            stages.end(stage)
    for name, value in stages.known.items():
        job.result(name, value)
    learned = [shots for shots in shots_of(params) if f"dev_dice_{shots}" in stages.known]
    for shots in learned:
        _test(job, folder, shots, scans=scans, params=params, place=quick)
    if params.keep_model:
        _save(job, folder, state, learned=learned, scans=scans, params=params)
    _clear(folder)


def _begun(job: Job, before: Before, *, scans: Scans, params: HiEndMae, place: Place) -> None:
    """Tell how the earlier model, as it is, does on the same test scans: what going on has to be better than."""
    job.log(f"Going on from {before.name}, which stays as it is; scans are brought to {before.spacing_mm:g} mm.")
    job.phase("testing the earlier model")
    model = make_segmenter(make_encoder(params), params, classes=len(scans.organs) + 1)
    model.load_state_dict(before.segmenter)
    found = segmented(job, model, scans.test, params, place)
    pairs = zip(found, scans.test, strict=True)
    dice = float(np.mean([show.organ_dice(guess, one, scans.organs).mean() for guess, one in pairs]))
    job.result("dice_before", dice)
    job.metric("dice", dice, series="test, earlier model")


def _kept(job: Job) -> bool:
    """Whether a person asked to end here and keep what there is."""
    return bool(getattr(job, "kept_early", False))


def _encoder_state(
    job: Job, stages: Stages, folder: Path, *, scans: Scans, params: HiEndMae, place: Place
) -> dict[str, Tensor]:
    """The encoder's weights after pretraining (and as they start, without), with its probe in `known`."""
    path = folder / "encoder.safetensors"
    stage = stages.begin("pretraining", curves={"loss": "reconstruction"})
    if stage is None:
        return load_file(path)
    rng.seed(job.seed)
    encoder = make_encoder(params)
    found: dict[str, float] = {}
    if params.pretrain != "none":
        found["held_out_mse"] = pretrain(stage, encoder, scans, params, place)
    job.phase("probing the layers")
    found |= probe.probe(job, encoder.to(place.device), scans, params, place, taps=taps_of(params))
    _put(path, encoder.state_dict())
    stages.end(stage, **found)
    return load_file(path)


def _test(job: Job, folder: Path, shots: int, *, scans: Scans, params: HiEndMae, place: Place) -> None:
    """Segment the test scans with the weights that validation chose; numbers, tables, pictures."""
    job.phase(f"testing, {shots} shots")
    model = make_segmenter(make_encoder(params.replace(weights="")), params, classes=len(scans.organs) + 1)
    model.load_state_dict(load_file(folder / f"segmenter-{shots}.safetensors"))
    found = segmented(job, model, scans.test, params, place)
    show.tested(job, scans.test, found, scans.organs, shots=shots, main=shots == params.shots, window=window_of(params))


def segmented(
    job: Job, model: nn.Module, cases: Sequence[Case], params: HiEndMae, place: Place
) -> list[NDArray[np.uint8]]:
    """Label maps (z, y, x) of whole scans."""
    model.to(place.device).eval()
    found = []
    for at, one in enumerate(cases):
        found.append(predicted(model, one, params, place).argmax(0).astype(np.uint8))
        job.progress(at + 1, len(cases))
    return found


def _put(path: Path, state: dict[str, Tensor]) -> None:
    """Write weights in one step, so that a killed run leaves the old file or the new one."""
    scratch = path.with_suffix(".tmp")
    save_file({name: one.detach().cpu().contiguous() for name, one in state.items()}, scratch)
    scratch.replace(path)


def _clear(folder: Path) -> None:
    for file in folder.glob("*.safetensors"):
        file.unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()


def _save(
    job: Job, folder: Path, state: dict[str, Tensor], *, learned: Sequence[int], scans: Scans, params: HiEndMae
) -> None:
    """The encoder in this program's names and in MONAI's, the segmenter, and the card."""
    job.phase("saving the model")
    model = job.model_folder()
    _put(model / "encoder.safetensors", state)
    _put(model / "encoder_monai_vit.safetensors", monai_names(state, grid=grid_of(params)))
    shots = params.shots if params.shots in learned else max(learned, default=0)
    if shots:
        _put(model / "segmenter.safetensors", load_file(folder / f"segmenter-{shots}.safetensors"))
    job.write_card(
        task="segmentation" if shots else "encoder", shots=shots, channels=[MODALITY],
        labels=[plain(one) for one in scans.organs],
        shape={"crop": params.crop, "patch": params.patch, "width": params.width, "layers": params.layers,
               "heads": params.heads, "taps": params.taps, "features": params.features,
               "window_low": params.window_low, "window_high": params.window_high},
        spacing_mm=list(scans.test[0].meta.geometry.spacing_mm),
    )  # fmt: skip


def plain(one: Any) -> dict[str, Any]:
    """A label as plain JSON values."""
    return {"value": one.value, "name": one.name, "colour": one.colour}
