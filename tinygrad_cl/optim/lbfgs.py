"""L-BFGS: steps along directions that a few remembered steps have bent towards Newton's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tinygrad_cl.autograd import enable_grad, no_grad
from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.functional.movement import cat
from tinygrad_cl.optim.line_search import Trial, strong_wolfe
from tinygrad_cl.optim.optimizer import Optimizer
from tinygrad_cl.optim.options import Group, Params, State, check_range
from tinygrad_cl.optim.penalty import Penalty
from tinygrad_cl.optim.state import Report, number, tensor
from tinygrad_cl.optim.update import realize_all, replace, working_dtype
from tinygrad_cl.tensor import Tensor

LEAST_CURVATURE = 1e-10  # steps along which the gradient changes less are not remembered

Closure = Callable[[], Any]


class LBFGS(Optimizer):
    """The limited-memory BFGS method (Liu and Nocedal 1989), as PyTorch has it.

    A call of `step` makes up to `max_iter` iterations, each of which evaluates the closure at least
    once. It is meant for few parameters and gradients of the whole data set. Every round of the
    recursion over the remembered steps is the same small plan, so a growing memory compiles
    nothing.

    Args:
        params: tensors of one device, or a single group.
        lr: length of the steps, or of the first one that a line search tries.
        max_iter: iterations of a step.
        max_eval: evaluations of a step; by default 1.25 times the iterations.
        tolerance_grad: stop when no element of the gradient is larger.
        tolerance_change: stop when loss or parameters change by less.
        history_size: how many steps are remembered; each takes twice the parameters' memory.
        line_search_fn: None, or "strong_wolfe".
        penalty: one of `optim.penalty`, added to loss and gradient.

    Raises:
        ArgumentError: for settings out of range, or several groups.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([3.0, -2.0], requires_grad=True)
        >>> optimizer = tg.optim.LBFGS([x], line_search_fn="strong_wolfe")
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = ((x - tg.tensor([1.0, 2.0])) ** 4).sum()
        ...     loss.backward()
        ...     return loss
        >>> for _ in range(3):
        ...     loss = optimizer.step(closure)
        >>> round(closure().item(), 4)
        0.0
    """

    entries = (
        *("func_evals", "n_iter", "d", "t", "old_dirs", "old_stps", "ro", "H_diag"),
        *("prev_flat_grad", "prev_loss", "al"),
    )

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
        *,
        penalty: Penalty | None = None,
    ) -> None:
        settings = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
            "penalty": penalty,
        }
        super().__init__(params, settings)

    def add_param_group(self, param_group: Group) -> None:
        """Adds the only group that there can be.

        Raises:
            ArgumentError: for a second one.
        """
        if self.param_groups:
            raise ArgumentError("LBFGS: takes one group of parameters; it has one already")
        super().add_param_group(param_group)

    def _check(self, group: Group) -> None:
        check_range("LBFGS", group, lr=0, max_iter=1, max_eval=1, history_size=1)
        check_range("LBFGS", group, tolerance_grad=0, tolerance_change=0)
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise ArgumentError(
                f'LBFGS: line_search_fn must be None or "strong_wolfe", got '
                f"{group['line_search_fn']!r}"
            )
        if group["maximize"]:
            raise ArgumentError("LBFGS: cannot maximize; minimize the negative loss")

    # -------------------------------------------------------------------------------------- step

    def _step(self, closure: Closure | None = None) -> Any:
        if closure is None:
            raise ArgumentError(
                "LBFGS.step: needs a closure that computes the loss and its gradients anew"
            )
        with no_grad():
            return self._iterate(closure, self.param_groups[0])

    def _iterate(self, closure: Closure, group: Group) -> Any:
        state = self.state.setdefault(group["params"][0], State())
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first, loss, grad = self._evaluate(closure)
        state["func_evals"] += 1
        evaluations, flat = 1, _largest(grad) <= group["tolerance_grad"]
        if flat:
            return first
        for i in range(1, int(group["max_iter"]) + 1):
            state["n_iter"] += 1
            d = self._direction(state, grad, int(group["history_size"]))
            known = state["n_iter"] > 1
            t = group["lr"] * (1.0 if known else min(1.0, 1 / grad.abs().sum().item()))
            state |= {"prev_flat_grad": grad, "prev_loss": loss, "d": d, "t": t}
            slope = _dot(grad, d)
            if slope > -group["tolerance_change"]:
                break
            last = i == group["max_iter"]
            room = int(group["max_eval"]) - evaluations
            start = Trial(0.0, loss, grad, slope)
            end, count = self._move(closure, group, start, d, t, room, last)
            loss, grad, state["t"] = end.loss, end.grad, end.t
            evaluations += count
            state["func_evals"] += count
            if last or evaluations >= group["max_eval"] or self._settled(group, state, end):
                break
        return first

    def _settled(self, group: Group, state: State, end: Trial) -> bool:
        """True if gradient, parameters or loss say that there is nothing more to gain."""
        tolerance: float = group["tolerance_change"]
        return (
            _largest(end.grad) <= float(group["tolerance_grad"])
            or _largest(state["d"]) * abs(end.t) <= tolerance
            or abs(end.loss - float(state["prev_loss"])) < tolerance
        )

    def _move(
        self,
        closure: Closure,
        group: Group,
        start: Trial,
        d: Tensor,
        t: float,
        room: int,
        last: bool,
    ) -> tuple[Trial, int]:
        """Moves the parameters along `d`; returns where they are, and the evaluations."""
        params = group["params"]
        origin = [p.detach() for p in params]

        def evaluate(t: float) -> Trial:
            _place(params, origin, d, t)
            _, loss, grad = self._evaluate(closure)
            return Trial(t, loss, grad, _dot(grad, d))

        if group["line_search_fn"] is None:
            if not last:
                return evaluate(t), 1
            _place(params, origin, d, t)
            return start._replace(t=t), 0
        size = _largest(d)
        smallest = group["tolerance_change"] / size if size > 0 else 0.0
        end, count = strong_wolfe(evaluate, start, t, smallest, room)
        _place(params, origin, d, end.t)
        return end, count

    def _evaluate(self, closure: Closure) -> tuple[Any, float, Tensor]:
        """What the closure returned, the loss, and the gradient of all parameters in one vector."""
        with enable_grad():
            answer = closure()
        self._gradients()
        group = self.param_groups[0]
        penalty: Penalty | None = group["penalty"]
        parts = []
        for p in group["params"]:
            grad = p.detach() * 0 if p.grad is None else p.grad.detach()
            if penalty is not None:
                grad = grad + penalty.gradient(p)
            parts.append(grad.to(working_dtype(p.dtype)).reshape(-1))
        flat = cat(parts)
        pending = [flat.node] + ([answer.node] if isinstance(answer, Tensor) else [])
        realize_all(pending)
        loss = float(answer.item() if isinstance(answer, Tensor) else answer)
        if penalty is not None:
            loss += penalty.value(group["params"]).item()
        return answer, loss, flat

    def _direction(self, state: State, grad: Tensor, history: int) -> Tensor:
        """Returns the inverse Hessian, as the remembered steps have it, times minus the gradient.

        (The two-loop recursion: Nocedal and Wright, algorithm 7.4.)
        """
        if "d" not in state:
            state |= {"old_dirs": [], "old_stps": [], "ro": [], "H_diag": 1.0}
            return _now(-grad)
        self._remember(state, grad, history)
        changes, steps, ro = state["old_dirs"], state["old_stps"], state["ro"]
        q = _now(-grad)
        shares = []
        for y, s, r in zip(reversed(changes), reversed(steps), reversed(ro), strict=True):
            share = (s * q).sum() * r
            q = q - share * y
            realize_all([q.node, share.node])
            shares.append(share)
        q = _now(q * state["H_diag"])
        for y, s, r, share in zip(changes, steps, ro, reversed(shares), strict=True):
            q = _now(q + s * (share - (y * q).sum() * r))
        return q

    def _remember(self, state: State, grad: Tensor, history: int) -> None:
        """Adds the last step, and how it changed the gradient."""
        y, s = grad - state["prev_flat_grad"], state["d"] * state["t"]
        curvature, square = (y * s).sum(), (y * y).sum()
        realize_all([y.node, s.node, curvature.node, square.node])
        if curvature.item() <= LEAST_CURVATURE:
            return
        kept: list[tuple[str, Any]] = [
            ("old_dirs", y),
            ("old_stps", s),
            ("ro", 1 / curvature.item()),
        ]
        for name, value in kept:
            state[name] = [*state[name], value][-history:]
        state["H_diag"] = curvature.item() / square.item()

    # ------------------------------------------------------------------------------------- state

    def _read_state(
        self, entries: Mapping[str, Any], p: Tensor, group: Group, wrong: Report
    ) -> State:
        strange = sorted(map(str, set(entries) - set(self.entries)))
        if p is not group["params"][0] or strange:
            wrong.add(
                f"unexpected {', '.join(strange) or 'state: only the first parameter has it'}"
            )
            return State()
        size = (sum(q.numel() for q in group["params"]),)
        state = State()
        for key in ("func_evals", "n_iter"):
            state[key] = int(number(key, entries.get(key, 0), wrong))
        if entries.get("d") is None:
            return state
        missing = [key for key in self.entries[2:-1] if entries.get(key) is None]
        if missing:
            wrong.add(f"missing {', '.join(missing)}")
            return state
        for key in ("t", "H_diag", "prev_loss"):
            state[key] = number(key, entries[key], wrong)
        for key in ("d", "prev_flat_grad"):
            state[key] = tensor(key, entries[key], p, size, wrong)
        lists = {key: entries[key] for key in ("old_dirs", "old_stps", "ro")}
        if not all(isinstance(value, list | tuple) for value in lists.values()):
            wrong.add("old_dirs, old_stps and ro must be lists")
        elif len({len(value) for value in lists.values()}) != 1:
            wrong.add("old_dirs, old_stps and ro must have the same length")
        else:
            state["ro"] = [number("ro", value, wrong) for value in lists["ro"]]
            for key in ("old_dirs", "old_stps"):
                state[key] = [tensor(key, value, p, size, wrong) for value in lists[key]]
        return state


def _now(value: Tensor) -> Tensor:
    """Computes a value, so that what follows starts from a plain one."""
    realize_all([value.node])
    return value


def _largest(vector: Tensor) -> float:
    return float(vector.abs().max().item())


def _dot(a: Tensor, b: Tensor) -> float:
    return float((a * b).sum().item())


def _place(params: list[Tensor], origin: list[Tensor], d: Tensor, t: float) -> None:
    """Gives parameters the values `origin + t * d`."""
    at, fresh = 0, []
    for p, old in zip(params, origin, strict=True):
        part = d[at : at + p.numel()].reshape(p.shape)
        new = (old.to(d.dtype) + part * t).to(p.dtype)
        replace(p, new.node)
        fresh.append(new.node)
        at += p.numel()
    realize_all(fresh)
