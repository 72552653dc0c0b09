"""`param_groups`: a net's parameters in two groups, with and without weight decay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tinygrad_cl.optim.options import Group
from tinygrad_cl.optim.penalty import Penalty

if TYPE_CHECKING:
    from tinygrad_cl.nn import Module


def param_groups(
    model: Module,
    *,
    weight_decay: float | None = None,
    penalty: Penalty | None = None,
    skip: Iterable[str] = ("bias", "norm"),
    **settings: Any,
) -> list[Group]:
    """Returns groups for an optimizer: decayed or penalized parameters, and those left out.

    Biases and the scales of norm layers have no reason to be small; most recipes decay neither.

    Args:
        model: a module.
        weight_decay: of the first group; None for the optimizer's default. The second has 0.
        penalty: of the first group; the second has none.
        skip: words. A parameter is left out if one is part of its own name ("bias" is in
            "in_proj_bias") or of the name of its module's class or one of its bases ("norm" is in
            "BatchNorm2d"); capitals do not matter. Empty to leave out nothing.
        settings: further settings of both groups, such as `lr`.

    Returns:
        The groups that have parameters. Parameters are in the model's order within each group;
        one that several modules share stands where it comes first.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
        >>> groups = tg.optim.param_groups(net, weight_decay=0.1)
        >>> [(len(group["params"]), group["weight_decay"]) for group in groups]
        [(1, 0.1), (3, 0.0)]
        >>> optimizer = tg.optim.AdamW(groups, lr=0.01)
    """
    words = [word.lower() for word in skip]
    kept: list[Any] = []
    left_out: list[Any] = []
    seen: set[int] = set()
    for module in model.modules():
        kinds = [kind.__name__.lower() for kind in type(module).__mro__]
        for name, p in module.named_parameters(recurse=False):
            if id(p) in seen:
                continue
            seen.add(id(p))
            skipped = any(word in place for word in words for place in (name.lower(), *kinds))
            (left_out if skipped else kept).append(p)
    decay = {} if weight_decay is None else {"weight_decay": weight_decay}
    first: Group = {"params": kept, **settings, **decay, "penalty": penalty}
    second: Group = {"params": left_out, **settings, "weight_decay": 0.0, "penalty": None}
    return [group for group in (first, second) if group["params"]]
