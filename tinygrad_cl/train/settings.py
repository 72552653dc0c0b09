"""What `Model.compile` accepts for optimizer, loss, metrics and so on: names, classes, objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tinygrad_cl import data, optim
from tinygrad_cl.data.normalizer import Normalizer
from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.nn import Module
from tinygrad_cl.nn import functional as F
from tinygrad_cl.optim.penalty import L1, L2, ElasticNet, Penalty
from tinygrad_cl.tensor import Tensor
from tinygrad_cl.train import metrics
from tinygrad_cl.train.callbacks import at_least
from tinygrad_cl.train.checks import is_logits_loss
from tinygrad_cl.train.precision import Precision

Loss = Callable[[Any, Any], Tensor]
OneMetric = str | metrics.Metric | metrics.MetricFunction
Metrics = str | Iterable[OneMetric] | Mapping[str, OneMetric]

OPTIMIZERS: dict[str, Any] = {
    name.lower(): getattr(optim, name)
    for name in optim.__all__
    if isinstance(getattr(optim, name), type) and name != "Optimizer"
}
LOSSES: dict[str, Loss] = {
    "cross_entropy": F.cross_entropy,
    "nll": F.nll_loss,
    "bce": F.binary_cross_entropy,
    "bce_with_logits": F.binary_cross_entropy_with_logits,
    "mse": F.mse_loss,
    "mae": F.l1_loss,
    "l1": F.l1_loss,
    "huber": F.huber_loss,
    "smooth_l1": F.smooth_l1_loss,
    "log_cosh": F.log_cosh_loss,
    "kl_div": F.kl_div,
    "soft_margin": F.soft_margin_loss,
    "hinge_embedding": F.hinge_embedding_loss,
    "multi_margin": F.multi_margin_loss,
    "multilabel_margin": F.multilabel_margin_loss,
    "multilabel_soft_margin": F.multilabel_soft_margin_loss,
    "poisson_nll": F.poisson_nll_loss,
}
PENALTIES: dict[str, Callable[[], Penalty]] = {
    "l1": lambda: L1(1e-4),
    "l2": lambda: L2(1e-4),
    "elastic_net": lambda: ElasticNet(1e-5, 1e-4),
}
NORMALIZERS: dict[str, Callable[[], Normalizer]] = {
    "zscore": data.ZScore,
    "minmax": data.MinMax,
    "decimal": data.DecimalScaling,
}


def make_optimizer(given: Any, net: Module, options: dict[str, Any]) -> optim.Optimizer:
    """Returns the optimizer that was given, or one of a name or class over the net's parameters.

    Weight decay and penalties are for weights: biases and norm layers have none.

    Raises:
        ArgumentError: for an unknown name, or options beside a ready optimizer.
    """
    options = {key: value for key, value in options.items() if value is not None}
    if isinstance(given, optim.Optimizer):
        if options:
            raise ArgumentError(
                f"compile: {' and '.join(options)} cannot be given with a ready optimizer; "
                "set them on the optimizer, or give its class"
            )
        return given
    kind = OPTIMIZERS.get(given.lower()) if isinstance(given, str) else given
    if not callable(kind):
        raise ArgumentError(f"compile: unknown optimizer {given!r}; known: {', '.join(OPTIMIZERS)}")
    decay = {key: options.pop(key) for key in ("weight_decay", "penalty") if key in options}
    if kind is optim.LBFGS:
        if decay:
            raise ArgumentError("compile: LBFGS takes a penalty itself; give it ready-made")
        made = kind([p for p in net.parameters() if p.requires_grad], **options)
    else:
        groups = [_trained(group) for group in optim.param_groups(net, **decay)]
        if not decay:  # one group, in the net's order
            groups = [{"params": [p for p in net.parameters() if p.requires_grad]}]
        made = kind([group for group in groups if group["params"]], **options)
    if not isinstance(made, optim.Optimizer):
        raise ArgumentError(f"compile: {given!r} made a {type(made).__name__}, no optimizer")
    return made


def _trained(group: dict[str, Any]) -> dict[str, Any]:
    return group | {"params": [p for p in group["params"] if p.requires_grad]}


def make_loss(given: str | Loss) -> Loss:
    """Returns the loss function of a name, or the function (or module) itself.

    Raises:
        ArgumentError: for an unknown name.
    """
    found: Any = LOSSES.get(given) if isinstance(given, str) else given
    if isinstance(found, type) and issubclass(found, Module):
        found = found()
    if not callable(found):
        raise ArgumentError(f"compile: unknown loss {given!r}; known: {', '.join(LOSSES)}")
    loss: Loss = found
    return loss


def make_penalty(given: str | Penalty | None) -> Penalty | None:
    """Returns a penalty of a name ("l1", "l2", "elastic_net"), or the one that was given.

    Raises:
        ArgumentError: for something else.
    """
    if given is None or isinstance(given, Penalty):
        return given
    if given not in PENALTIES:
        known = ", ".join(PENALTIES)
        raise ArgumentError(f"compile: unknown penalty {given!r}; known: {known}, optim.penalty.*")
    return PENALTIES[given]()


def make_normalizer(given: str | Normalizer | None) -> Normalizer | None:
    """Returns a normalizer of a name ("zscore", "minmax", "decimal"), or the one that was given.

    Raises:
        ArgumentError: for something else.
    """
    if given is None or isinstance(given, Normalizer):
        return given
    if not isinstance(given, str) or given not in NORMALIZERS:
        known = ", ".join(NORMALIZERS)
        raise ArgumentError(f"compile: unknown normalizer {given!r}; known: {known}, or an object")
    return NORMALIZERS[given]()


def make_metrics(given: Metrics, loss: Loss) -> dict[str, metrics.Metric]:
    """Returns the metrics by the names under which they appear in histories.

    Raises:
        ArgumentError: for an unknown or repeated name.
    """
    if isinstance(given, str | metrics.Metric) or not isinstance(given, Iterable):
        given = [given]
    pairs = given.items() if isinstance(given, Mapping) else [(_name(m), m) for m in given]
    found: dict[str, metrics.Metric] = {}
    for name, metric in pairs:
        if name in found or name in ("loss", "lr"):
            raise ArgumentError(f"compile: the metric name {name!r} is taken; give a dict of names")
        try:
            found[name] = metrics.running(metric, is_logits_loss(loss))
        except ArgumentError as error:
            raise ArgumentError(f"compile: {error}") from None
    return found


def _name(metric: Any) -> str:
    if isinstance(metric, str):
        return metric
    if isinstance(metric, metrics.Metric):
        return metric.name or type(metric).__name__
    return str(getattr(metric, "__name__", type(metric).__name__))


def check_count(method: str, name: str, value: Any, least: int) -> None:
    """Refuses what is no count, such as the y of `fit(x, y)`.

    Raises:
        ArgumentError: if it is none, or too small.
    """
    if hasattr(value, "shape"):
        raise ArgumentError(f"{method}: {name} is an array; give data as a pair: {method}((x, y))")
    at_least(method, name, value, least)


def can_be_captured(optimizer: optim.Optimizer, precision: Precision, accumulate: int) -> bool:
    """Whether `jit` may replay training steps: they read no value, and there is one batch each."""
    searches = isinstance(optimizer, optim.LBFGS)
    return not searches and precision.scaler is None and accumulate == 1


def check_together(
    optimizer: optim.Optimizer, precision: Precision, accumulate: int, clipped: bool, jit: bool
) -> None:
    """Refuses settings that each are right but do not go together.

    Raises:
        ArgumentError: naming them, and what to take instead.
    """
    if jit and not can_be_captured(optimizer, precision, accumulate):
        raise ArgumentError(
            "compile: jit is for steps of one batch that read no value; leave out accumulate, "
            "LBFGS, and precision with a scaled loss (float16, mixed)"
        )
    if isinstance(optimizer, optim.LBFGS) and (accumulate > 1 or precision.scaler is not None):
        raise ArgumentError(
            "compile: LBFGS evaluates the loss itself and goes with neither accumulate nor a "
            "scaled loss (float16, mixed)"
        )
    if clipped and precision.scaler is not None and precision.values is None:
        raise ArgumentError(
            "compile: gradients in float16 cannot be clipped before they are unscaled; take "
            'precision="mixed"'
        )
