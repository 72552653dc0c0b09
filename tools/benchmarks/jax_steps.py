"""Training steps in JAX: one jitted function that gives away its state, images channels-last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks import nets
from benchmarks.nets import Net, Row
from benchmarks.timing import Step


def step(net: Net, size: int, variant: str) -> Step:
    """A step of any net."""
    import jax

    # Counter-based numbers by multiplication: several times faster on a processor than the default.
    jax.config.update("jax_default_prng_impl", "rbg")
    images, labels = nets.batch(net, size)
    if len(net.shape) == 3:
        images = images.transpose(0, 2, 3, 1)
    inputs, classes = jax.device_put(images), jax.device_put(labels.astype(np.int32))
    parameters = [jax.device_put(_turned(array)) for array in nets.initial_parameters(net)]
    state = _start(net, parameters)
    run = jax.jit(_update(net), donate_argnums=0)
    held = [state, None]

    def one() -> Any:
        held[0], held[1] = run(held[0], inputs, classes)
        return held[1]

    return Step(one, lambda: jax.block_until_ready(held))


def _turned(array: np.ndarray) -> np.ndarray:
    """Weights in JAX's order: (height, width, in, out) of convolutions, (in, out) of others."""
    if array.ndim == 4:
        return np.ascontiguousarray(array.transpose(2, 3, 1, 0))
    return array


def _start(net: Net, parameters: list[Any]) -> dict[str, Any]:
    import jax
    import jax.numpy as jnp

    zeros = [jnp.zeros_like(p) for p in parameters]
    widths = [sizes for row in net.rows for sizes in _norm_widths(row)]
    return {
        "parameters": parameters,
        "first": zeros,
        "second": [jnp.zeros_like(p) for p in parameters] if net.optimizer == "adam" else [],
        "running": [(jnp.zeros(width), jnp.ones(width)) for width in widths],
        "count": jnp.zeros((), jnp.int32),
        "key": jax.random.key(0),
    }


def _norm_widths(row: Row) -> list[int]:
    if row[0] == "batchnorm":
        return [row[1]]
    return [inner[1] for inner in nets.inner_rows(row) if inner[0] == "batchnorm"]


def _update(net: Net) -> Any:
    """The whole step: state, inputs and classes to the new state and the loss."""
    import jax
    import jax.numpy as jnp

    def loss_of(parameters: Any, state: Any, inputs: Any, classes: Any) -> Any:
        trace = _Trace(parameters, state)
        logits = inputs
        for row in net.rows:
            logits = trace.apply(row, logits)
        logs = jax.nn.log_softmax(logits.reshape(-1, net.classes))
        chosen = jnp.take_along_axis(logs, classes.reshape(-1, 1), 1)
        return -chosen.mean(), trace.running

    def update(state: Any, inputs: Any, classes: Any) -> Any:
        value = jax.value_and_grad(loss_of, has_aux=True)
        (loss, running), gradients = value(state["parameters"], state, inputs, classes)
        new = dict(state, running=running, count=state["count"] + 1)
        rule = _adam if net.optimizer == "adam" else _momentum
        return dict(new, **rule(net.rate, new, gradients)), loss

    return update


def _momentum(rate: float, state: Any, gradients: Any) -> dict[str, Any]:
    first = [nets.MOMENTUM * m + g for m, g in zip(state["first"], gradients, strict=True)]
    pairs = zip(state["parameters"], first, strict=True)
    return {"first": first, "parameters": [p - rate * m for p, m in pairs]}


def _adam(rate: float, state: Any, gradients: Any) -> dict[str, Any]:
    import jax.numpy as jnp

    t = state["count"].astype(jnp.float32)
    first = [0.9 * m + 0.1 * g for m, g in zip(state["first"], gradients, strict=True)]
    second = [0.999 * v + 0.001 * g * g for v, g in zip(state["second"], gradients, strict=True)]
    rate = rate / (1 - 0.9**t)
    correction = jnp.sqrt(1 - 0.999**t)
    triples = zip(state["parameters"], first, second, strict=True)
    moved = [p - rate * m / (jnp.sqrt(v) / correction + 1e-8) for p, m, v in triples]
    return {"first": first, "second": second, "parameters": moved}


class _Trace:
    """Reads the rows of a net, taking parameters and running statistics in order."""

    def __init__(self, parameters: Any, state: Any) -> None:
        import jax

        self.parameters: Iterator[Any] = iter(parameters)
        self.before = iter(state["running"])
        self.running: list[Any] = []
        self.key = jax.random.fold_in(state["key"], state["count"])

    def apply(self, row: Row, x: Any) -> Any:
        """The output of a layer."""
        return getattr(self, "_" + row[0])(x, *row[1:])

    def _conv(self, x: Any, before: int, after: int, *sizes: int) -> Any:
        y = self._conv_nobias(x, before, after, *sizes)
        return y + next(self.parameters)

    def _conv_nobias(self, x: Any, before: int, after: int, *sizes: int) -> Any:
        from jax import lax

        _, stride, padding = sizes
        return lax.conv_general_dilated(
            x,
            next(self.parameters),
            (stride, stride),
            [(padding, padding)] * 2,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )

    def _linear(self, x: Any, *sizes: int) -> Any:
        return x @ next(self.parameters).T + next(self.parameters)

    def _relu(self, x: Any) -> Any:
        import jax

        return jax.nn.relu(x)

    def _maxpool(self, x: Any, kernel: int, stride: int) -> Any:
        import jax.numpy as jnp
        from jax import lax

        window, strides = (1, kernel, kernel, 1), (1, stride, stride, 1)
        return lax.reduce_window(x, -jnp.inf, lax.max, window, strides, "VALID")

    def _mean(self, x: Any) -> Any:
        return x.mean((1, 2))

    def _flatten(self, x: Any) -> Any:
        return x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)

    def _dropout(self, x: Any, p: float) -> Any:
        import jax
        import jax.numpy as jnp

        self.key, key = jax.random.split(self.key)
        return jnp.where(jax.random.bernoulli(key, 1 - p, x.shape), x / (1 - p), 0)

    def _batchnorm(self, x: Any, width: int) -> Any:
        import jax.numpy as jnp

        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
        count = x.size // width
        old_mean, old_var = next(self.before)
        unbiased = var * (count / max(count - 1, 1))
        self.running.append((0.9 * old_mean + 0.1 * mean, 0.9 * old_var + 0.1 * unbiased))
        scale = next(self.parameters) / jnp.sqrt(var + nets.EPS)
        return (x - mean) * scale + next(self.parameters)

    def _layernorm(self, x: Any, width: int) -> Any:
        import jax.numpy as jnp

        mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        y = (x - mean) / jnp.sqrt(var + nets.EPS)
        return y * next(self.parameters) + next(self.parameters)

    def _embed(self, x: Any, *sizes: int) -> Any:
        return next(self.parameters)[x] + next(self.parameters)

    def _residual(self, x: Any, *sizes: int) -> Any:
        rows = nets.inner_rows(("residual", *sizes))
        y = self._relu(self.apply(rows[1], self.apply(rows[0], x)))
        y = self.apply(rows[3], self.apply(rows[2], y))
        around = self.apply(rows[5], self.apply(rows[4], x)) if len(rows) > 4 else x
        return self._relu(y + around)

    def _transformer(self, x: Any, width: int, heads: int) -> Any:
        import jax
        import jax.numpy as jnp

        n, t, d = x.shape
        qkv = self._linear(self._layernorm(x, d)).reshape(n, t, 3, heads, d // heads)
        q, k, v = qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2]
        scores = jnp.einsum("nihd,njhd->nhij", q, k) / (d // heads) ** 0.5
        scores = jnp.where(jnp.tril(jnp.ones((t, t), bool)), scores, -jnp.inf)
        y = jnp.einsum("nhij,njhd->nihd", jax.nn.softmax(scores), v).reshape(n, t, d)
        x = x + self._linear(y)
        hidden = jax.nn.gelu(self._linear(self._layernorm(x, d)), approximate=True)
        return x + self._linear(hidden)
