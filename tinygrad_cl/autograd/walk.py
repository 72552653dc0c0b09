"""The backward walk: from outputs to leaves, gradient rule by gradient rule.

The walk writes more graph and computes nothing. What is true of all rules stands here, once:
cotangents are summed down from the broadcast shape, cast to the input's dtype, and added up where a
value was used more than once.

    cotangent of a = sum over the uses y of a of  vjp(cotangent of y)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import Any

from tinygrad_cl import origins
from tinygrad_cl.autograd.handle import Handle, own
from tinygrad_cl.errors import DTypeError, GradientError, ShapeError
from tinygrad_cl.formula import (
    Composed,
    Formula,
    formula_of,
    is_written_out,
    placeholder,
    remembered,
    writing,
)
from tinygrad_cl.graph import (
    PRIMITIVES,
    Node,
    Signature,
    TensorSpec,
    apply,
    grad_mode,
    scalar,
)
from tinygrad_cl.shapes import Shape

Pending = dict[int, Any]  # id(node) -> its cotangent so far; of a Call, one per output

RETAIN = -1  # the key in `Node.hooks` of the hook that serves `retain_grad`; it runs last


def walk(
    roots: Sequence[Node],
    cotangents: Sequence[Node],
    wanted: Sequence[Node] | None,
    retain: bool,
    create: bool,
    kept: Collection[int] = (),
) -> list[tuple[Node, Node]]:
    """Carries cotangents back and returns (node, cotangent) of all leaves, or of the wanted nodes.

    Args:
        roots: nodes to start at.
        cotangents: one per root, of its shape and dtype.
        wanted: the nodes whose cotangents are asked for; None means all leaves.
        retain: keep the graph for another walk.
        create: record the walk itself, for second derivatives.
        kept: ids of nodes that are kept for another walk in any case.

    Raises:
        GradientError: if a part of the graph was released by an earlier walk.
    """
    targets = None if wanted is None else {id(node) for node in wanted}
    order = _order(roots)
    useful = None if targets is None else _useful(order, targets)
    pending: Pending = {}
    propagate = origins.following(_propagate) if origins.active() else _propagate
    found = []
    before, grad_mode.enabled = grad_mode.enabled, create
    try:
        for root, cotangent in zip(roots, cotangents, strict=True):
            deliver(pending, root, cotangent)
        for node in reversed(order):
            g = pending.pop(id(node), None)
            if g is None:
                continue
            if node.hooks:
                g = _run_hooks(node, g)
            if node.leaf if targets is None else id(node) in targets:
                found.append((node, g))
            if not node.leaf:
                propagate(node, g, useful, pending)
    finally:
        grad_mode.enabled = before
    if not retain:
        _release([node for node in order if id(node) not in kept] if kept else order)
    return found


def _order(roots: Sequence[Node]) -> list[Node]:
    """The nodes that gradients pass, inputs before their users."""
    order: list[Node] = []
    seen: set[Node] = set()
    stack: list[Node | None] = [*reversed(roots)]
    while stack:
        node = stack.pop()
        if node is None:  # the node below it is done
            order.append(stack.pop())  # type: ignore[arg-type]
        elif node not in seen:
            seen.add(node)
            if node.leaf:
                order.append(node)
                continue
            stack += (node, None, *reversed(sources(node)))
    return order


def sources(node: Node) -> Sequence[Node]:
    """The inputs of `node` through which gradients flow."""
    if node.leaf:
        return ()
    if node.released:
        raise GradientError(
            f"backward: the graph behind {node.primitive.name} {node.shape} was released by an "
            "earlier backward pass; pass retain_graph=True to that one, or detach() what both share"
        )
    edges = node.inputs if type(node) is Node else node.edges  # type: ignore[attr-defined]
    return [source for source in edges if source.needs_grad]


def _useful(order: Sequence[Node], targets: set[int]) -> set[int]:
    """The ids of the nodes from which a target can be reached; `order` has inputs first."""
    found: set[int] = set()
    for node in order:
        if id(node) in targets:
            found.add(id(node))
            continue
        for source in sources(node):
            if id(source) in found:
                found.add(id(node))
                break
    return found


def _propagate(node: Node, g: Any, useful: set[int] | None, pending: Pending) -> None:
    if type(node) is not Node:
        node.propagate(g, useful, pending)  # type: ignore[attr-defined]
        return
    signature, inputs = node.signature, node.inputs
    primitive, kwargs = signature.primitive, signature.kwargs
    if type(primitive) is Composed or not (
        grad_mode.enabled or primitive.peeks or is_written_out()
    ):
        places = []
        for place, source in enumerate(inputs):
            if source.needs_grad and (useful is None or id(source) in useful):
                places.append(place)
        for place, pulled in zip(places, pull(node, g, tuple(places)), strict=True):
            if pulled is not None:
                deliver(pending, inputs[place], pulled)
        return
    for position, source in enumerate(inputs):
        if not source.needs_grad or (useful is not None and id(source) not in useful):
            continue
        rule = primitive.vjp(position)
        if rule is None:
            continue
        if primitive.variadic:
            cotangent = rule(g, node, *inputs, argument=position, **kwargs)
        else:
            cotangent = rule(g, node, *inputs, **kwargs)
        if cotangent is not None:
            deliver(pending, source, cotangent)


def deliver(pending: Pending, node: Node, cotangent: Node) -> None:
    """Adds `cotangent`, in the node's shape and dtype, to what is pending for `node`."""
    if cotangent.signature.leaf is not node.signature.leaf:  # of another spec
        cotangent = _fit(cotangent, node.signature.spec)
    held = pending.get(id(node))
    pending[id(node)] = cotangent if held is None else PRIMITIVES["add"](held, cotangent)


def pull(node: Node, g: Node, places: tuple[int, ...]) -> list[Node | None]:
    """Returns the cotangents of some inputs of a node, None where there is no way to one.

    The formula of the gradient is written once per signature, from the rules of the primitive or of
    those that it is composed of. A gradient that will be differentiated itself is built from its
    ops.
    """
    if grad_mode.enabled:
        return _pull_open(node, g, places)
    key = (node.signature, places)
    formula, answers = _PULLS.get(key) or remembered(_PULLS, key, _written_pull(*key))
    found = [] if formula is None else formula((g, node, *node.inputs))
    return [None if answer is None else found[answer] for answer in answers]


# By signature and wanted inputs: from (g, y, *inputs) to cotangents, and which of them is whose.
_PULLS: dict[tuple[Signature, tuple[int, ...]], tuple[Formula | None, list[int | None]]] = {}


def _written_pull(
    signature: Signature, places: tuple[int, ...]
) -> tuple[Formula | None, list[int | None]]:
    inner = formula_of(signature)
    if inner is None:
        made = partial(apply, signature.primitive, attrs=signature.attrs)
        inner = Formula.write(lambda *nodes: made(nodes), signature.inputs)
    g = placeholder(signature.spec)
    wanted = [inner.inputs[place] for place in places]
    with writing():
        found = {id(n): v for n, v in walk(inner.outputs, [g], wanted, retain=True, create=False)}
    outputs = [found[id(node)] for node in wanted if id(node) in found]
    numbers = iter(range(len(outputs)))
    answers = [next(numbers) if id(node) in found else None for node in wanted]
    given = (g, *inner.outputs, *inner.inputs)
    return Formula(given, outputs) if outputs else None, answers


def _pull_open(node: Node, g: Node, places: tuple[int, ...]) -> list[Node | None]:
    """Cotangents with all their ops, each of them differentiable."""
    inputs, signature = list(node.inputs), node.signature
    for place in places:  # stand-ins, at which the walk stops
        inputs[place] = PRIMITIVES["alias"](inputs[place])
    build: Any = signature.primitive.lowering
    y = build.build(*inputs, **signature.kwargs)
    ends = [inputs[place] for place in places]
    for end in ends:
        end.leaf = True
    try:
        found = {id(end): cotangent for end, cotangent in walk([y], [g], ends, True, True)}
    finally:
        for end in ends:
            end.leaf = False
    return [found.get(id(end)) for end in ends]


def _fit(cotangent: Node, spec: TensorSpec) -> Node:
    if cotangent.shape != spec.shape:
        cotangent = sum_to(cotangent, spec.shape)
    if cotangent.dtype is not spec.dtype:
        cotangent = PRIMITIVES["cast"](cotangent, dtype=spec.dtype)
    return cotangent


def sum_to(node: Node, shape: Shape) -> Node:
    """Returns `node` summed down to `shape`, from which its shape was broadcast."""
    have = node.shape
    lead = len(have) - len(shape)
    inner = [i for i in range(max(lead, 0), len(have)) if shape[i - lead] == 1 != have[i]]
    if lead < 0 or any(h != s != 1 for h, s in zip(have[lead:], shape, strict=True)):
        raise GradientError(
            f"backward: a cotangent of shape {have} does not belong to a value of {shape}"
        )
    dims = (*range(lead), *inner)
    if dims:
        node = PRIMITIVES["sum"](node, dim=dims, keepdim=False)
    return node if node.shape == shape else PRIMITIVES["reshape"](node, shape=shape)


def _run_hooks(node: Node, g: Node) -> Node:
    hooks = node.hooks or {}
    for key, hook in list(hooks.items()):
        if key == RETAIN:
            continue
        answer = hook(own(g))
        if answer is not None:
            g = checked("register_hook", answer, node)
    if RETAIN in hooks:
        hooks[RETAIN](g)
    return g


def _release(order: Iterable[Node]) -> None:
    for node in order:
        if not node.leaf:
            node.released = True
            if type(node) is not Node:
                node.release()  # type: ignore[attr-defined]
            elif node.buffer is not None:
                node.inputs = ()


def checked(op: str, given: object, like: Node) -> Node:
    """Returns the node of a gradient that a user gave for `like`.

    Raises:
        GradientError: if it is no Tensor.
        ShapeError, DTypeError: if it does not look like the value that it belongs to.
    """
    if not isinstance(given, Handle):
        raise GradientError(f"{op}: a gradient must be a Tensor, got {type(given).__name__}")
    node = given.node
    if node.shape != like.shape:
        raise ShapeError(
            f"{op}: the gradient of a value of shape {like.shape} has shape {node.shape}"
        )
    if not node.dtype.is_floating_point:
        raise DTypeError(f"{op}: a gradient must be floating point, got {node.dtype.name}")
    return node if node.dtype is like.dtype else PRIMITIVES["cast"](node, dtype=like.dtype)


def full(value: float, like: Node) -> Node:
    """Returns a node of the spec and device of `like` full of one number."""
    node = scalar(value, like.dtype)
    node.device = like.device
    return node if not like.shape else PRIMITIVES["expand"](node, shape=like.shape)
