"""Image-language backbones: pictures and texts as vectors of one space (CLIP, Radford et al., 2021, arXiv 2103.00020).

`load` reads three kinds of folder: Hugging Face CLIP and SigLIP (SigLIP 2 of fixed size, too), and this program's own,
whose text side is a frozen sentence encoder under a learned projection:

    image-language.json          what it is: text encoder, sizes, normalisation
    image-language.safetensors   the two projections and the temperature
    vision/                      a CLIPVisionModel in Hugging Face format
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from workbench.core.mixins import MINILM
from workbench.core.problem import InputError
from workbench.engine import backbone_folders, backbones
from workbench.engine.backbone_folders import fault

from .texttowers import SentenceTexts, TowerTexts, json_of, read_tokenizer

STARTER = "starter:mini-image-language"
CARD, WEIGHTS, VISION = "image-language.json", "image-language.safetensors", "vision"
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
FIRST_LOGIT_SCALE = 2.6592
"""ln(1 / 0.07), CLIP's own start."""


class Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What image-language.json says: the space both sides meet in, and how a picture is prepared."""

    dim: int = 128
    text_encoder: str = MINILM
    text_width: int = 384
    image_mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    image_std: tuple[float, float, float] = (0.5, 0.5, 0.5)


class ImageLanguage(nn.Module):
    """A picture encoder and a text encoder whose vectors are compared by their cosine.

    `vision` is Hugging Face's vision model. `width` channels C, `layers` blocks, `heads`, `patch` and `image_px` in
    pixels, `dim` of the shared space. `has_class_token` is False for SigLIP, whose pooling looks at all patches.
    `logit_scale` is the logarithm of the factor on cosines, `logit_bias` SigLIP's offset (None for CLIP).
    """

    def __init__(
        self, vision: nn.Module, texts: nn.Module, projection: nn.Module, *, dim: int,
        logit_scale: float = FIRST_LOGIT_SCALE, logit_bias: float | None = None,
        mean: Sequence[float] = CLIP_MEAN, std: Sequence[float] = CLIP_STD, stretches: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.vision, self.texts, self.projection = vision, texts, projection
        config = cast(Any, vision).config
        self.width, self.layers, self.heads = config.hidden_size, config.num_hidden_layers, config.num_attention_heads
        self.patch, self.image_px, self.dim = config.patch_size, config.image_size, dim
        self.has_class_token = hasattr(vision, "pre_layrnorm")
        self.stretches = stretches
        self.logit_scale = nn.Parameter(torch.tensor(float(logit_scale)))
        self.logit_bias = None if logit_bias is None else nn.Parameter(torch.tensor(float(logit_bias)))
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean).reshape(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).reshape(3, 1, 1), persistent=False)

    @property
    def blocks(self) -> nn.ModuleList:
        """The vision model's transformer blocks, first to last."""
        return cast(nn.ModuleList, cast(Any, self.vision).encoder.layers)

    def prepared(self, frames: NDArray[Any] | Tensor) -> Tensor:
        """Frames (B, T, H, W, 3) or (N, H, W, 3), uint8, as the encoder takes them: (B·T, 3, S, S) float.

        The shorter edge becomes S = image_px, the middle is cut out; where the model's own preprocessing stretches
        pictures to a square (`stretches`), so does this. Then the mean is taken off and the spread divided by.
        """
        pixels = torch.as_tensor(frames).to(self.mean.device)
        if pixels.dtype != torch.uint8 or pixels.ndim not in {4, 5} or pixels.shape[-1] != 3:
            raise ValueError(
                f"frames are uint8 (B, T, H, W, 3) or (N, H, W, 3), not {pixels.dtype} {tuple(pixels.shape)}"
            )
        pixels = pixels.reshape(-1, *pixels.shape[-3:]).permute(0, 3, 1, 2)
        height, width, edge = *pixels.shape[-2:], self.image_px
        if (height, width) != (edge, edge):
            short = min(height, width)
            size = (edge, edge) if self.stretches else (round(height * edge / short), round(width * edge / short))
            pixels = functional.interpolate(pixels.contiguous(), size, mode="bicubic", antialias=True)
            top, left = (size[0] - edge) // 2, (size[1] - edge) // 2
            pixels = pixels[:, :, top : top + edge, left : left + edge]
        return (pixels.float() / 255 - self.mean) / self.std

    def embedded(self, pixels: Tensor) -> Tensor:
        """What goes into the first block, (N, 1 + P, C); (N, P, C) without a class token. pixels (N, 3, S, S)."""
        vision = cast(Any, self.vision)
        found = vision.embeddings(pixels)
        return cast(Tensor, vision.pre_layrnorm(found) if self.has_class_token else found)

    def hidden(self, pixels: Tensor) -> list[Tensor]:
        """The output of every block, before the final norm: `layers` tensors (N, 1 + P, C), class token first.

        pixels (N, 3, S, S). A model without a class token has the mean of its patches in that place.
        """
        x, found = self.embedded(pixels), []
        for block in self.blocks:
            x = block(x, attention_mask=None)
            found.append(x if self.has_class_token else torch.cat([x.mean(1, keepdim=True), x], 1))
        return found

    def pooled(self, given: Tensor) -> Tensor:
        """Image vectors (N, dim), not of unit length, of pixels (N, 3, S, S) or the last of `hidden` (N, 1 + P, C)."""
        last = self.hidden(given)[-1] if given.ndim == 4 else given
        vision = cast(Any, self.vision)
        if self.has_class_token:
            return cast(Tensor, self.projection(vision.post_layernorm(last[:, 0])))
        return cast(Tensor, self.projection(vision.head(vision.post_layernorm(last[:, 1:]))))

    def text(self, texts: Sequence[str]) -> Tensor:
        """Text vectors (K, dim), not of unit length."""
        return cast(Tensor, self.texts(list(texts)))

    def logits(self, images: Tensor, texts: Tensor) -> Tensor:
        """Scaled cosines (N, K) of image vectors (N, dim) and text vectors (K, dim)."""
        found = functional.normalize(images, dim=-1) @ functional.normalize(texts, dim=-1).T * self.logit_scale.exp()
        return found if self.logit_bias is None else found + self.logit_bias

    def forward(self, pixels: Tensor) -> Tensor:
        """The image vectors, as `pooled`."""
        return self.pooled(pixels)


def build(
    *, image_px: int = 32, patch: int = 8, width: int = 96, layers: int = 4, heads: int = 4, seed: int = 0,
    shape: Shape | None = None,
) -> ImageLanguage:  # fmt: skip
    """A model in this program's own format with random weights: what pretraining starts from, and tests read."""
    from transformers import CLIPVisionConfig, CLIPVisionModel

    shape = shape or Shape()
    config = CLIPVisionConfig(
        hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers, num_attention_heads=heads,
        image_size=image_px, patch_size=patch, projection_dim=shape.dim,
    )  # fmt: skip
    chance = torch.get_rng_state()
    try:
        torch.manual_seed(seed)
        return _own(CLIPVisionModel(config), shape)
    finally:
        torch.set_rng_state(chance)


def text_width(address: str) -> int:
    """Channels of a sentence encoder's vectors, by its config.json; raises InputError on field 'backbone'."""
    folder = backbones.resolve(address)
    found = json_of(folder / "config.json").get("hidden_size")
    if isinstance(found, int):
        return found
    raise fault(
        "This text encoder does not say how wide its vectors are.",
        expected="hidden_size in config.json, as of BERT and its like",
        received=str(found),
        fix=f"Choose {MINILM}, or another sentence encoder.",
        place=folder,
    )


def load(address: str | Path, *, fresh: bool = False, seed: int = 0) -> ImageLanguage:
    """The image-language model behind an address, in eval mode, in single precision.

    `fresh` keeps its shape but starts from random weights of `seed`: what has learned nothing, to compare with.
    Raises InputError on field 'backbone' where the folder is no such model, is damaged or incomplete.
    """
    folder = locate(address)
    model = _read_own(folder) if (folder / CARD).is_file() else _read_published(folder, fresh=fresh, seed=seed)
    if fresh and (folder / CARD).is_file():
        told = _shape_of(folder)
        model = build(
            image_px=model.image_px, patch=model.patch, width=model.width, layers=model.layers, heads=model.heads,
            seed=seed, shape=told,
        )  # fmt: skip
    return model.eval()


def locate(address: str | Path) -> Path:
    """The folder behind an address; this format has no config.json, so that text recipes do not list such starters."""
    kind, _, name = str(address).partition(":")
    folder = backbone_folders.STARTERS / name
    if kind == "starter" and name and (folder / CARD).is_file():
        return folder
    return backbone_folders.locate(str(address))


def save(model: ImageLanguage, folder: Path) -> None:
    """Write a model of this program's own format; raises ValueError for CLIP and SigLIP."""
    if not isinstance(model.texts, SentenceTexts):
        raise ValueError("only a model with a sentence encoder as its text side is saved in this format")
    mean, std = (tuple(round(float(one), 8) for one in part.flatten()) for part in (model.mean, model.std))
    shape = Shape(
        dim=model.dim, text_encoder=model.texts.address, text_width=model.texts.projection.in_features,
        image_mean=cast(Any, mean), image_std=cast(Any, std),
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    cast(Any, model.vision).save_pretrained(folder / VISION)
    own = {name: one.detach().cpu().contiguous() for name, one in _own_weights(model).items()}
    save_file(own, folder / WEIGHTS)
    (folder / CARD).write_text(json.dumps(msgspec.to_builtins(shape), indent=2) + "\n", encoding="utf-8")


def _own(vision: nn.Module, shape: Shape) -> ImageLanguage:
    texts = SentenceTexts(shape.text_encoder, shape.text_width, shape.dim)
    projection = nn.Linear(cast(Any, vision).config.hidden_size, shape.dim, bias=False)
    return ImageLanguage(vision, texts, projection, dim=shape.dim, mean=shape.image_mean, std=shape.image_std)


def _own_weights(model: ImageLanguage) -> dict[str, Tensor]:
    return {name: one for name, one in model.state_dict().items() if not name.startswith("vision.")}


def _shape_of(folder: Path) -> Shape:
    path = folder / CARD
    try:
        return msgspec.json.decode(path.read_bytes(), type=Shape)
    except (OSError, msgspec.DecodeError) as error:
        raise fault(
            "The description of this image-language model cannot be read.",
            expected=f"{CARD} as this program writes it",
            received=str(error),
            fix="Copy the folder again.",
            place=path,
        ) from None


def _read_own(folder: Path) -> ImageLanguage:
    from transformers import CLIPVisionConfig, CLIPVisionModel

    shape = _shape_of(folder)
    vision = folder / VISION
    for needed in (vision / "config.json", vision / "model.safetensors", folder / WEIGHTS):
        if not needed.is_file():
            raise fault(
                "A part of this image-language model is missing.",
                expected=f"{CARD}, {WEIGHTS} and {VISION}/ with config.json and model.safetensors",
                received=f"a folder without {needed.relative_to(folder)}",
                fix="Copy the whole folder again.",
                place=folder,
            )
        if needed.suffix == ".safetensors":
            backbone_folders.read_header(needed)
    backbones.quiet()
    try:
        config = CLIPVisionConfig.from_pretrained(vision, local_files_only=True)
        model = _own(CLIPVisionModel(config), shape)
        found = {f"vision.{name}": one for name, one in load_file(vision / "model.safetensors").items()}
        found |= load_file(folder / WEIGHTS)
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        raise _unfit(folder, str(error).splitlines()[0]) from None
    wanted = model.state_dict()
    wrong = [name for name, one in wanted.items() if name not in found or found[name].shape != one.shape]
    if wrong:
        there = tuple(found[wrong[0]].shape) if wrong[0] in found else "nothing"
        told = f"{wrong[0]}: {there} instead of {tuple(wanted[wrong[0]].shape)}"
        raise _unfit(folder, told + (f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""))
    model.load_state_dict({name: found[name] for name in wanted})
    return model


def _unfit(folder: Path, received: str) -> InputError:
    return fault(
        "The weights of this image-language model do not fit its description.",
        expected=f"weights that fit {CARD} and {VISION}/config.json",
        received=received,
        fix="Copy the folder again; its files belong together.",
        place=folder,
    )


def _read_published(folder: Path, *, fresh: bool, seed: int) -> ImageLanguage:
    """A CLIP or SigLIP folder as save_pretrained writes it."""
    kind = _published_kind(folder)
    model: Any = backbones.load_encoder(folder, fresh=fresh, seed=seed if fresh else None)
    mean, std, stretches = _preparation(folder, siglip=kind == "siglip")
    tokenizer = read_tokenizer(folder)
    siglip = kind == "siglip"
    if siglip:
        width, vision_dim = model.config.text_config.projection_size, model.config.vision_config.hidden_size
        projections: tuple[nn.Module, nn.Module] = nn.Identity(), nn.Identity()
        if width != vision_dim:
            raise fault(
                "The two towers of this model do not meet in one space.",
                expected=f"texts of {vision_dim}, as the pictures", received=str(width),
                fix="Restore config.json from where the model came.", place=folder,
            )  # fmt: skip
    else:
        width = model.config.projection_dim
        projections = model.visual_projection, model.text_projection
    texts = TowerTexts(model.text_model, projections[1], tokenizer, pads_to_longest=not siglip)
    return ImageLanguage(
        model.vision_model, texts, projections[0], dim=width, logit_scale=model.logit_scale.item(),
        logit_bias=model.logit_bias.item() if siglip else None, mean=mean, std=std, stretches=stretches,
    )  # fmt: skip


def _published_kind(folder: Path) -> str:
    """'clip' or 'siglip', once it is known that both towers are there; raises InputError otherwise."""
    kind = str(json_of(folder / "config.json").get("model_type", "none"))
    if kind not in {"clip", "siglip"}:
        sees = kind in {"clip_vision_model", "siglip_vision_model"}
        raise fault(
            "This model sees, but has no text tower." if sees else "This is no image-language model.",
            expected=f"a CLIP or SigLIP folder with both towers (model_type clip or siglip), or a folder with {CARD}",
            received=f"model_type {kind!r}",
            fix=f"Choose the folder of the whole model, or {STARTER} for the one that comes along.",
            place=folder,
        )
    if not backbone_folders.list_weights(folder):
        return kind  # load_encoder says what is missing
    names = [
        one.name for path in backbone_folders.list_weights(folder)
        if path.suffix == ".safetensors" and path.is_file() for one in backbone_folders.read_header(path)
    ]  # fmt: skip
    for tower, does in (("text_model", "text"), ("vision_model", "vision")):
        if names and not any(f"{tower}." in name for name in names):
            raise fault(
                f"This model's weights have no {does} tower.",
                expected=f"tensors named {tower}.…",
                received=f"{len(names)} tensors, such as {names[0]}",
                fix="Choose the folder of the whole model, not one of its towers.",
                place=folder,
            )
    return kind


def _preparation(folder: Path, *, siglip: bool) -> tuple[Sequence[float], Sequence[float], bool]:
    """Mean, spread, and whether pictures are stretched to a square, by preprocessor_config.json where it is there."""
    path = folder / "preprocessor_config.json"
    told = json_of(path) if path.is_file() else {}
    default = ((0.5,) * 3, (0.5,) * 3) if siglip else (CLIP_MEAN, CLIP_STD)
    mean, std = told.get("image_mean", default[0]), told.get("image_std", default[1])
    for one in (mean, std):
        if not (
            isinstance(one, list | tuple) and len(one) == 3 and all(isinstance(value, int | float) for value in one)
        ):
            raise fault(
                "preprocessor_config.json does not say how pictures are normalised.",
                expected="image_mean and image_std of three numbers", received=str(one)[:80],
                fix="Restore the file from where the model came.", place=path,
            )  # fmt: skip
    return mean, std, not told.get("do_center_crop", not siglip)
