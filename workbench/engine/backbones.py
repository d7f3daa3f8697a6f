"""Pretrained encoders by address: where they lie, whether they are safe to load, loading them.

package:NAME    an installed package that carries a Hugging Face folder
starter:NAME    resources/backbones/NAME
hub:ORG/NAME    the Hugging Face hub: as it was downloaded into the home; else from the hub's own local
                cache, which is filled on a connected machine
a path          any folder in Hugging Face format

Weights come from safetensors, or from .bin files that load with weights_only. Code that comes
with a model is never run.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from workbench.core.problem import InputError, did_you_mean
from workbench.engine.backbone_folders import (
    catalogue,
    check_folder,
    downloaded,
    fault,
    list_weights,
    locate,
)

__all__ = ["Head", "catalogue", "fetch", "is_offline", "load_encoder", "load_for", "load_tokenizer", "resolve"]

Head = Literal["sequence", "token", "question", "masked", "causal"]
_CLASSES: dict[Head, str] = {
    "sequence": "AutoModelForSequenceClassification",
    "token": "AutoModelForTokenClassification",
    "question": "AutoModelForQuestionAnswering",
    "masked": "AutoModelForMaskedLM",
    "causal": "AutoModelForCausalLM",
}
HUB_FILES = ("*.json", "*.safetensors", "*.txt", "*.model", "README.md", "LICENSE*")


def is_offline() -> bool:
    """Whether the settings forbid the network; WORKBENCH_OFFLINE carries them to this process."""
    return os.environ.get("WORKBENCH_OFFLINE", "true").strip().lower() not in ("0", "false", "no", "off")


def resolve(address: str, *, check: bool = True) -> Path:
    """The folder behind an address, checked to be loadable; raises InputError on field 'backbone'."""
    name = address.removeprefix("hub:")
    folder = fetch(name) if name != address and downloaded(name) is None else locate(address)
    if check:
        check_folder(folder)
    return folder


def fetch(name: str) -> Path:
    """A hub model's folder, downloaded when online (only weights, configuration and vocabulary)."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    offline = is_offline()
    try:
        return Path(snapshot_download(name, allow_patterns=list(HUB_FILES), local_files_only=offline))
    except (HFValidationError, LocalEntryNotFoundError) as error:
        if offline and isinstance(error, LocalEntryNotFoundError):
            raise fault(
                f"{name!r} is not on this machine, and the network is switched off.",
                expected="a model in the local cache, or the setting 'offline' off",
                received=f"hub:{name}",
                fix="Switch 'offline' off to download it, or give a folder.",
            ) from None
        raise _unreachable(name, error) from None
    except (HfHubHTTPError, OSError) as error:
        raise _unreachable(name, error) from None


def _unreachable(name: str, error: Exception) -> InputError:
    return fault(
        f"The hub has no readable model {name!r}, or cannot be reached.",
        expected="the id of a public model, such as 'hub:org/name'",
        received=str(error).splitlines()[0],
        fix="Check the id and the connection, or give a local folder.",
    )


def load_tokenizer(address: str | Path) -> Any:
    """The fast tokenizer of a backbone or a saved model; raises InputError where there is none."""
    from transformers import AutoTokenizer

    folder = resolve(str(address))
    quiet()
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the library raises anything from KeyError to its own classes here
        raise fault(
            "The backbone's tokenizer cannot be read.",
            expected="tokenizer.json, or the vocabulary files of its architecture",
            received=_first_line(error),
            fix="Copy the tokenizer's files into the folder, next to config.json.",
            place=folder,
        ) from None
    if not tokenizer.is_fast:
        raise fault(
            "The backbone's tokenizer cannot say where its tokens stand in the text.",
            expected="a fast tokenizer (tokenizer.json)",
            received=type(tokenizer).__name__,
            fix="Save it once with AutoTokenizer.from_pretrained(...).save_pretrained(folder).",
            place=folder,
        )
    return tokenizer


def load_encoder(address: str | Path, *, fresh: bool = False, seed: int | None = None) -> nn.Module:
    """The bare encoder (AutoModel); `fresh` keeps its shape but starts from random weights."""
    return _load("AutoModel", address, fresh=fresh, seed=seed, options={})


def load_for(
    address: str | Path,
    head: Head,
    *,
    labels: Sequence[str] = (),
    fresh: bool = False,
    seed: int | None = None,
    **options: Any,
) -> nn.Module:
    """The encoder with a head: `labels` names its classes, `seed` fixes the head's first weights.

    `fresh_weights` of the model names what a checkpoint lacked: adapters let that learn in any case.
    """
    if labels:
        options |= {
            "num_labels": len(labels),
            "id2label": dict(enumerate(labels)),
            "label2id": {label: place for place, label in enumerate(labels)},
        }
    return _load(_CLASSES[head], address, fresh=fresh, seed=seed, options=options)


def _load(kind: str, address: str | Path, *, fresh: bool, seed: int | None, options: dict[str, Any]) -> nn.Module:
    import transformers

    folder = resolve(str(address))
    quiet()
    config = _config(folder, options)
    auto = getattr(transformers, kind)
    chance = torch.get_rng_state()
    try:
        if seed is not None:
            torch.manual_seed(seed)
        model: nn.Module = auto.from_config(config).float() if fresh else _pretrained(auto, folder, config)
    except InputError:
        raise
    except ValueError as error:
        raise fault(
            f"This backbone's architecture cannot do what is asked of it ({kind.removeprefix('AutoModelFor')}).",
            expected="an encoder that transformers knows with this head",
            received=f"model_type {config.model_type!r}: {_first_line(error)}",
            fix="Choose another backbone.",
            place=folder,
        ) from None
    finally:
        if seed is not None:
            torch.set_rng_state(chance)
    return model


def _config(folder: Path, options: dict[str, Any]) -> Any:
    from transformers import CONFIG_MAPPING, AutoConfig

    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **options)
    except (ValueError, KeyError, TypeError, OSError) as error:
        import json

        kind = str(json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type", ""))
        unknown = kind not in CONFIG_MAPPING
        raise fault(
            f"The architecture {kind!r} is unknown." if unknown else "The backbone's config.json is wrong.",
            expected="an architecture that transformers carries",
            received=f"model_type {kind!r}" if unknown else _first_line(error),
            fix=did_you_mean(kind, CONFIG_MAPPING) if unknown else "Restore config.json from where the model came.",
            place=folder,
        ) from None


def _pretrained(auto: Any, folder: Path, config: Any) -> nn.Module:
    safe = list_weights(folder)[0].suffix == ".safetensors"
    try:
        model, found = auto.from_pretrained(
            folder, config=config, dtype=torch.float32, local_files_only=True, trust_remote_code=False,
            use_safetensors=safe, weights_only=True, output_loading_info=True, ignore_mismatched_sizes=True,
        )  # fmt: skip
    except (OSError, RuntimeError, EOFError) as error:
        raise fault(
            "The backbone's weights cannot be read.",
            expected="complete weights that fit config.json",
            received=_first_line(error),
            fix="Copy or download the folder again.",
            place=folder,
        ) from None
    mismatched = [str(one[0]) for one in found["mismatched_keys"]]
    missing = frozenset(found["missing_keys"]) | frozenset(mismatched)
    _check_complete(model, missing, folder)
    model.fresh_weights = missing
    return model  # type: ignore[no-any-return]


def _check_complete(model: Any, missing: frozenset[str], folder: Path) -> None:
    """A head may be new, a layer of the encoder may not: it would silently be random."""
    prefix = model.base_model_prefix + "."
    is_bare = model.base_model is model
    lost = [
        name for name in sorted(missing)
        if (is_bare or name.startswith(prefix)) and "pooler" not in name and "position_ids" not in name
    ]  # fmt: skip
    if lost:
        raise fault(
            "The backbone's weights do not fit its config.json.",
            expected="a tensor for every layer of the encoder",
            received=f"{len(lost)} missing or of another shape, such as {lost[0]!r}",
            fix="Check that config.json and the weights belong together.",
            place=folder,
        )


def quiet() -> None:
    """No progress bars and no advice from the library: jobs have their own."""
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
