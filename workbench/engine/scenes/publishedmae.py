"""Weights of NeRF-MAE's published checkpoint under the names that swin3d.py has (facts read from its public code).

The file holds `state_dict` with `patch_partition`, `stages.K.N`, `decoder4` … `decoder1`, `out`, `mask_token` and the
computed `pos_embed`. Its licence is CC BY-NC 4.0, for the weights too: whoever loads them is told so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from workbench.core.problem import InputError

LICENCE = "These weights are under CC BY-NC 4.0: no commercial use."
_COMPUTED = ("pos_embed", "relative_position_index")
_ALIKE = re.compile(r"decoder\d\.conv_block\.conv\d\.bias")
"""Biases before a normalisation of each channel over the whole volume: it takes them off again."""
_IN_BLOCK = (("mlp.0.", "mlp.linear1."), ("mlp.3.", "mlp.linear2."))


def from_published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The published tensors as `encoder.…`, `decoder.…` and `out.…`; what is computed anew is left out.

    Raises InputError where a name is not one of that checkpoint's.
    """
    ups = (re.match(r"(?:module\.)?decoder(\d)\.transp_conv\.weight", name) for name in state)
    decoders = sorted((int(one[1]) for one in ups if one), reverse=True)
    renamed: dict[str, Tensor] = {}
    for name, one in state.items():
        plain = name.removeprefix("module.").removeprefix("base.")
        if plain.endswith(_COMPUTED) or _ALIKE.fullmatch(plain):
            continue
        renamed[_name(plain, decoders)] = one
    return renamed


def _name(name: str, decoders: Sequence[int]) -> str:
    for theirs, ours in (("patch_partition.0.", "embed."), ("patch_partition.2.", "embed_norm.")):
        if name.startswith(theirs):
            return "encoder." + ours + name.removeprefix(theirs)
    if name == "mask_token":
        return "encoder.mask_token"
    if name.startswith("out.conv."):
        return "out." + name.removeprefix("out.conv.")
    if found := re.fullmatch(r"stages\.(\d+)\.(\d+)\.(.+)", name):
        stage, place, rest = int(found[1]), int(found[2]), found[3]
        if stage and not place:
            return f"encoder.stages.{stage}.merge.{rest}"
        for theirs, ours in _IN_BLOCK:
            rest = rest.replace(theirs, ours)
        return f"encoder.stages.{stage}.blocks.{place - bool(stage)}.{rest}"
    if found := re.fullmatch(r"decoder(\d)\.(.+)", name):
        rest = re.sub(r"(conv\d)\.(weight)", r"\1.conv.\2", found[2]) if "conv_block" in found[2] else found[2]
        number = int(found[1])
        # decoder1 has no skip; the others stand from the deepest on.
        return f"decoder.last.{rest}" if number == 1 else f"decoder.ups.{decoders.index(number)}.{rest}"
    what = "A tensor has a name that NeRF-MAE's checkpoint does not know."
    raise _strange(what, "patch_partition, stages, decoder, out", name)


def load_published(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Put published weights into a model with `encoder`, `decoder` and `out`; raises InputError for another shape."""
    found, own = from_published(state), model.state_dict()
    wanted = {name for name in own if not name.endswith(_COMPUTED)}
    lacking = sorted(wanted - found.keys())
    odd = sorted(name for name in wanted & found.keys() if own[name].shape != found[name].shape)
    if lacking or odd:
        name = (lacking or odd)[0]
        received = "nothing of that name" if lacking else str(tuple(found[name].shape))
        raise _strange(
            "These weights belong to another network.", f"{name} of shape {tuple(own[name].shape)}", received
        )
    model.load_state_dict({name: found.get(name, one) for name, one in own.items()})


def _strange(what: str, expected: str, received: str) -> InputError:
    return InputError(
        what, expected=expected, received=received, field="weights",
        fix="Take the published checkpoint, with patch 4, width 96, depths 2, 2, 18, 2 and heads 3, 6, 12, 24.",
    )  # fmt: skip
