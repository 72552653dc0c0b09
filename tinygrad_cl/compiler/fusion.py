"""Fusion: which values share a kernel, and why the others do not.

Three passes over a structure, each a pure function of it:

1. *Realize*: which values get a buffer. Wanted values, results of reductions and templates, inputs
   of templates, and expressions with several users do; expressions that are cheap to compute again
   are inlined into every user.
2. *Merge*: a kernel joins the one whose result it reads, if both run over the same elements in the
   same order and no third kernel lies between them. So chains grow, and expressions become
   epilogues of reductions and templates.
3. *Drop*: results that only their own kernel reads stay in registers.

What may join what is the table `JOINS` in groups.py. Every "no" is a `Border` with a reason that
`print(plan)` shows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from tinygrad_cl.compiler.body import Body, Refusal, Resolver
from tinygrad_cl.compiler.choosing import Call, Choose, own_choice
from tinygrad_cl.compiler.groups import (
    JOINS,
    Border,
    Fusion,
    Group,
    alias_of,
    in_order,
    reaches,
)
from tinygrad_cl.compiler.rowing import find_rows
from tinygrad_cl.compiler.simplify import find_twins, living
from tinygrad_cl.compiler.sliceplan import Planner, Unsliced
from tinygrad_cl.compiler.slicer import Slicer
from tinygrad_cl.compiler.slicing import find_region
from tinygrad_cl.compiler.structure import WANTED, Structure
from tinygrad_cl.lowering import (
    Assemble,
    DeviceTraits,
    Expr,
    Host,
    Index,
    Reduction,
    Template,
    View,
)
from tinygrad_cl.shapes import Layout, Shape, numel

MAX_ITEMS = 48  # of one body: longer ones compile slowly and spill registers
MAX_INLINE = 4  # expressions computed again, not stored, if they read at most one full buffer
MAX_INLINE_FREE = 12  # the same, if they read none
SPREAD_FROM = 65536  # elements of a domain in which a small value is not computed again and again
SPREAD_FROM_NEAR = 1024  # the same where it costs no launch
SPREAD_FUNCTION = 128  # the same of functions, which take as long as ten loads
SPREAD_RATIO = 8  # how many times larger than the value the domain is
_FUNCTION = re.compile(r"\b(exp|log|tanh|pow|sin|cos|erf|sqrt|rsqrt|ERF|POW|SIGMOID|PHILOX)")
MAX_DEPTH = 24  # expressions inlined on top of one another


def fuse(
    structure: Structure,
    traits: DeviceTraits,
    planner: Planner | None = None,
    choose: Choose = own_choice,
    sliced: bool = True,
) -> Fusion:
    """Returns the groups of a structure.

    Args:
        structure: the graph.
        traits: of the device.
        planner: makes the plan of a slice; without it nothing is sliced.
        choose: chooses the plan of each template call.
        sliced: whether a slice may change the order of sums; rows alone are sliced otherwise.
    """
    slicers: list[Slicer] = []
    if planner is not None and traits.kind == "cpu":
        slicers = _slicers(structure, traits, planner, sliced, sliced)
    while True:
        try:
            return _Fuser(structure, traits, choose, slicers).run()
        except Unsliced as refused:
            assert planner is not None
            if refused.slicer is not None and refused.slicer.region.rows:
                slicers = [slicer for slicer in slicers if slicer is not refused.slicer]
            else:  # what was the batch's may be rows
                slicers = _slicers(structure, traits, planner, False, sliced)


def _slicers(
    structure: Structure, traits: DeviceTraits, planner: Planner, batch: bool, summed: bool
) -> list[Slicer]:
    """Returns a slicer per region: of the batch, if it may have one, and of rows."""
    found: list[Slicer] = []
    taken: frozenset[int] = frozenset()
    region = find_region(structure) if batch else None
    if region is not None:
        with suppress(Unsliced):
            found.append(Slicer(structure, region, traits, planner))
            taken = region.values | region.sums
    for region in find_rows(structure, taken, summed):
        with suppress(Unsliced):
            found.append(Slicer(structure, region, traits, planner))
    return found


class _Fuser:
    def __init__(
        self,
        structure: Structure,
        traits: DeviceTraits,
        choose: Choose,
        slicers: Sequence[Slicer] = (),
    ) -> None:
        self.structure = structure
        self.traits = traits
        self.choose = choose
        self.near = traits.slices > 1  # what is stored is read from a cache, launches cost nothing
        self.slicers = {at: slicer for slicer in slicers for at in slicer.members}
        self.users: list[list[int]] = [[] for _ in structure]
        self.living = living(structure)
        for at, value in enumerate(structure):
            for i in dict.fromkeys(value.inputs if at in self.living else ()):
                self.users[i].append(at)
        self.twins = find_twins(structure, self.living - self.slicers.keys())
        self.firsts = {twin: first for first, twin in self.twins.items()}
        self.borders: dict[int, str] = {}
        self.realized: set[int] = set()
        self.required: dict[int, str] = {}
        self.producer: dict[int, Group] = {}

    def run(self) -> Fusion:
        self._choose_realized()
        self._recompute()
        groups = self._make_groups()
        groups = self._merge(groups)
        self._drop(groups)
        borders = tuple(Border(v, r) for v, r in sorted(self.borders.items()) if v in self.producer)
        return Fusion(tuple(in_order(groups)), borders)

    # ---- realize

    def _choose_realized(self) -> None:
        structure = self.structure
        sinks: list[frozenset[int]] = [frozenset()] * len(structure)
        depth = [0] * len(structure)
        for at in range(len(structure) - 1, -1, -1):
            value = structure[at]
            if value.is_data or value.is_scalar or at not in self.living:
                continue
            slicer = self.slicers.get(at)
            if slicer is not None:
                sinks[at] = frozenset([-1 - min(slicer.members)])
                if at in slicer.outputs:
                    self.realized.add(at)
                    self.borders[at] = "SLICE: it is read outside the slices"
                continue
            reason = self._reason(at, sinks, depth)
            if reason:
                self.realized.add(at)
                self.borders[at] = reason
            if isinstance(value.lowering, Template | Host | Assemble):
                self._require_inputs(at)
        self.realized |= {at for at, value in enumerate(structure) if value.is_data}

    def _reason(self, at: int, sinks: list[frozenset[int]], depth: list[int]) -> str:
        """Returns why a value needs a buffer, or "" after inlining it into its users."""
        value = self.structure[at]
        if not isinstance(value.lowering, Expr | View | Index):
            return "KERNEL: it has a kernel of its own"
        if value.flag == WANTED:
            return "WANTED: it is asked for"
        if at in self.required:
            return self.required[at]
        users = self.users[at]
        found: frozenset[int] = frozenset()
        for user in users:
            found |= frozenset([user]) if user in self.realized else sinks[user]
        sinks[at] = found
        depth[at] = 1 + max((depth[u] for u in users if u not in self.realized), default=0)
        if isinstance(value.lowering, Expr) and self._is_spread(at):
            return "SPREAD: it is computed once, not again all over a larger domain"
        if depth[at] > MAX_DEPTH:
            return "DEPTH: the chain of expressions is too long for one kernel"
        if len(found) > 1 and isinstance(value.lowering, Expr) and not self._is_cheap(at):
            return f"FAN_OUT: {len(found)} kernels read it"
        return ""

    def _recompute(self) -> None:
        """Stores no value that is cheap to compute from values that are stored anyway.

        Which are, is known only now: users are looked at before what they use.
        """
        for at in sorted(self.realized):
            if self.borders.get(at, "").startswith("FAN_OUT") and self._is_cheap(at):
                self.realized.discard(at)
                del self.borders[at]

    def _is_spread(self, at: int) -> bool:
        """Whether a small value that reads a buffer is broadcast over a large domain."""
        value = self.structure[at]
        wide = max((self._width(user) for user in self.users[at]), default=0)
        least = SPREAD_FROM_NEAR if self.near else SPREAD_FROM
        if self.near and _is_function(value.lowering):
            least = SPREAD_FUNCTION
        if wide < least or value.numel * SPREAD_RATIO > wide:
            return False
        return any(not self._is_number(i) for i in value.inputs)

    def _width(self, at: int) -> int:
        """The number of elements over which a value is used, through views."""
        value = self.structure[at]
        if isinstance(value.lowering, View) and at not in self.realized:
            return max([value.numel, *(self._width(user) for user in self.users[at])])
        return value.numel if isinstance(value.lowering, Expr) else 0

    def _is_number(self, at: int) -> bool:
        """Whether a value is made of run-time numbers alone."""
        value = self.structure[at]
        if value.is_scalar:
            return True
        if value.is_data or not isinstance(value.lowering, Expr | View):
            return False
        return all(self._is_number(i) for i in value.inputs)

    def _is_cheap(self, at: int) -> bool:
        """Whether computing a value again costs less than a trip through memory."""
        size = self.structure[at].numel
        if any(self._ends_epilogue(i, size) for i in self.structure[at].inputs):
            return False
        stack, seen, expressions, loads = [at], {at}, 0, 0
        while stack:
            current = stack.pop()
            value = self.structure[current]
            if value.is_scalar or isinstance(value.lowering, Index):
                continue
            stored = current != at and current in self.realized
            if stored or value.is_data or not isinstance(value.lowering, Expr | View):
                loads += value.numel * 8 > size
                continue
            expressions += self._cost(value.lowering)
            if expressions > MAX_INLINE_FREE or loads > 1:
                return False
            fresh = [i for i in value.inputs if i not in seen]
            seen.update(fresh)
            stack += fresh
        return loads == 0 or (loads <= 1 and expressions <= MAX_INLINE)

    def _cost(self, lowering: object) -> int:
        """Expressions that an expression counts for; functions count where memory is near."""
        if not isinstance(lowering, Expr):
            return 0
        return 1 + self.near * MAX_INLINE * _is_function(lowering)

    def _ends_epilogue(self, at: int, size: int) -> bool:
        """Whether a value is the result of a kernel that its only user could finish at no cost."""
        value = self.structure[at]
        has_kernel = isinstance(value.lowering, Template | Reduction)
        return has_kernel and value.numel == size and len(self.users[at]) == 1

    def _require_inputs(self, at: int) -> None:
        value = self.structure[at]
        for position, i in enumerate(value.inputs):
            if isinstance(value.lowering, Assemble):
                continue
            base = i
            if isinstance(value.lowering, Template):
                base, _ = self._peel(value.lowering, position, i, at)
            self.required.setdefault(
                base, f"INPUT: {value.signature.primitive.name} reads a buffer"
            )

    def _peel(self, template: Template, position: int, at: int, user: int) -> tuple[int, Layout]:
        """Walks down views that the template can read through; returns the base and its layout."""
        attrs = self.structure[user].signature.kwargs
        path: list[int] = []
        while isinstance(self.structure[at].lowering, View) and not (
            self.structure[at].is_data or at in self.realized
        ):
            path.append(at)
            at = self.structure[at].inputs[0]
        while True:
            layout = _layout_through(self.structure, at, path)
            readable = layout is not None and not layout.bounds and not self.structure[at].is_scalar
            if layout is not None and readable and template.accepts(position, layout, attrs):
                return at, layout
            if not path:
                return at, Layout.contiguous(self.structure[at].shape)
            at = path.pop()

    # ---- groups

    def _make_groups(self) -> list[Group]:
        """One group per realized value; realizes more where a body refuses."""
        refused = True
        while refused:
            refused = False
            self.producer = {}
            for at in sorted(self.realized):
                if self.structure[at].is_data:
                    continue
                try:
                    self.producer[at] = self._group(at)
                except Refusal as refusal:
                    if refusal.value in self.realized:
                        raise AssertionError(f"fusion cannot resolve {refusal}") from refusal
                    self.realized.add(refusal.value)
                    self.borders[refusal.value] = refusal.reason
                    refused = True
        return list({id(group): group for group in self.producer.values()}.values())

    def _group(self, at: int) -> Group:
        value = self.structure[at]
        lowering = value.lowering
        slicer = self.slicers.get(at)
        if slicer is not None:
            made = [self.producer[i] for i in slicer.outputs if i in self.producer]
            return made[0] if made else slicer.group(self.realized)
        if value.numel == 0:
            return Group("elementwise", None, [at], value.shape, Body(value.shape, (), ()))
        if isinstance(lowering, Reduction):
            return self._reduction(at)
        if at in self.firsts:
            first = self.producer.get(self.firsts[at]) or self._group(self.firsts[at])
            if first.twin == at:
                return first
        if isinstance(lowering, Template):
            found = self.producer.get(self.twins.get(at, at))
            return self._template(at, lowering) if found is None or found.twin is None else found
        if isinstance(lowering, Assemble):
            body = Body(value.shape, (), ())
            inner = [self._part(i) for i in value.inputs]
            return Group("assemble", at, [at], value.shape, body, inner)
        if isinstance(lowering, Host):
            return self._host(at, lowering.reason)
        body = self._body([at], value.shape, None, frozenset([at]))
        return Group("elementwise", None, [at], value.shape, body)

    def _part(self, at: int) -> Body:
        return Resolver(self.structure, self.realized, self.structure[at].shape).body([at])

    def _reduction(self, at: int) -> Group:
        value = self.structure[at]
        inner = self._part(value.inputs[0])
        domain = (value.numel,)
        body = self._body([at], domain, at, frozenset([at]))
        return Group("reduce", at, [at], domain, body, [inner])

    def _template(self, at: int, template: Template) -> Group:
        value = self.structure[at]
        peeled = [self._peel(template, p, i, at) for p, i in enumerate(value.inputs)]
        for base, _ in peeled:
            if base not in self.realized:
                raise Refusal(base, f"INPUT: {value.signature.primitive.name} reads a buffer")
        layouts = tuple(layout for _, layout in peeled)
        call = Call(value.signature, layouts, self.traits)
        both = call.with_twin if at in self.twins else None
        plan = both or self.choose(call)
        if isinstance(plan, Host):
            body = Body(value.shape, (), ())
            return Group("host", at, [at], value.shape, body, inputs=peeled, reason=plan.reason)
        domain = plan.domain or (value.numel,)
        body = self._body([at], domain, at, frozenset([at]))
        twin = None if both is None else self.twins[at]
        return Group("template", at, [at], domain, body, template=plan, inputs=peeled, twin=twin)

    def _host(self, at: int, reason: str) -> Group:
        value = self.structure[at]
        for i in value.inputs:
            if i not in self.realized and not self.structure[i].is_scalar:
                raise Refusal(i, f"HOST: {value.signature.primitive.name} runs on the host")
        inputs = [(i, Layout.contiguous(self.structure[i].shape)) for i in value.inputs]
        body = Body(value.shape, (), ())
        return Group("host", at, [at], value.shape, body, inputs=inputs, reason=reason)

    def _body(
        self, outputs: list[int], domain: Shape, anchor: int | None, inside: frozenset[int]
    ) -> Body:
        return Resolver(self.structure, self.realized, domain, inside, anchor).body(outputs)

    # ---- merge

    def _merge(self, groups: list[Group]) -> list[Group]:
        alive = list(groups)
        owner = dict(self.producer)
        for group in groups:
            current: Group | None = group
            while current is not None and current.kind == "elementwise":
                current = self._merge_once(current, owner, alive)
        return alive

    def _merge_once(
        self, group: Group, owner: dict[int, Group], alive: list[Group]
    ) -> Group | None:
        """Merges a group into one whose result it reads; returns the merged group, or None."""
        for at in sorted(group.reads, reverse=True):
            producer = owner.get(at)
            if producer is None or producer is group:
                continue
            merged = self._joined(producer, group, owner, at)
            if merged is None:
                continue
            alive[:] = [g for g in alive if g is not group and g is not producer] + [merged]
            for output in merged.writes:
                owner[output] = merged
            return merged
        return None

    def _joined(
        self, producer: Group, group: Group, owner: dict[int, Group], at: int
    ) -> Group | None:
        reason = self._refusal(producer, group, owner)
        if reason is None:
            outputs = producer.outputs + group.outputs
            domains = [producer.domain]
            if producer.kind == "elementwise" and group.domain != producer.domain:
                domains.append(group.domain)
            for domain in domains:
                try:
                    body = self._body(outputs, domain, producer.anchor, frozenset(outputs))
                except Refusal as refusal:
                    reason = refusal.reason
                    continue
                if len(body.items) > MAX_ITEMS:
                    reason = "SIZE: one kernel would be too long"
                    continue
                return replace(producer, outputs=outputs, domain=domain, body=body)
        if self.borders.get(at, "KERNEL").split(":")[0] in ("KERNEL", "WANTED"):
            self.borders[at] = reason or ""  # says more than that the value has a buffer
        return None

    def _refusal(self, producer: Group, group: Group, owner: dict[int, Group]) -> str | None:
        if not JOINS[producer.kind]:
            return f"KIND: an {producer.kind} step takes no epilogue"
        if producer.template is not None and not producer.template.passes[-1].epilogue:
            return "EPILOGUE: its template has no epilogue"
        if producer.twin is not None and producer.twin in group.reads:
            return "TWIN: an epilogue follows the first result alone"
        if alias_of(self.structure, producer) is not None:
            return "ALIAS: the value between them has a buffer already"
        if producer.anchor is not None and self._is_update(producer.anchor, group):
            return "UPDATE: equal updates of leaves share one launch"
        if numel(producer.domain) != numel(group.domain):
            return "DOMAIN: the two run over different numbers of elements"
        if reaches(group, producer, owner):
            return "BETWEEN: another kernel lies between the two"
        return None

    def _is_update(self, anchor: int, group: Group) -> bool:
        """Whether a group renews leaves from a value that is stored anyway, as optimizers do.

        Joined with its like over all parameters it is one launch; in many epilogues it would be
        many kernels.
        """
        structure = self.structure
        leaves = [
            load
            for load in group.body.loads
            if structure[load.value].is_data and load.layout.is_contiguous
        ]
        return (
            self._is_shown(anchor)
            and bool(leaves)
            and all(structure[at].flag == WANTED for at in group.outputs)
        )

    def _is_shown(self, at: int) -> bool:
        """Whether a value, or a view of it, is asked for."""
        if self.structure[at].flag == WANTED:
            return True
        views = [u for u in self.users[at] if isinstance(self.structure[u].lowering, View)]
        return any(self._is_shown(u) for u in views)

    # ---- drop

    def _drop(self, groups: list[Group]) -> None:
        """Leaves in registers what only its own group reads."""
        read: dict[int, int] = {}
        for group in groups:
            for at in group.reads:
                read[at] = read.get(at, 0) + 1
        for group in groups:
            if group.slices is not None:
                continue
            needed = [
                at for at in group.outputs if self.structure[at].flag == WANTED or read.get(at)
            ]
            if needed and len(needed) < len(group.outputs):
                inside = frozenset(group.outputs)
                group.body = self._body(needed, group.domain, group.anchor, inside)
                group.outputs = needed


def _is_function(lowering: object) -> bool:
    """Whether an expression calls a function that takes many instructions."""
    return isinstance(lowering, Expr) and bool(_FUNCTION.search(lowering.text))


def _layout_through(structure: Structure, base: int, path: list[int]) -> Layout | None:
    layout: Layout | None = Layout.contiguous(structure[base].shape)
    for at in reversed(path):
        lowering = structure[at].lowering
        assert isinstance(lowering, View)
        if layout is not None:
            layout = lowering.apply(layout, structure[at].shape, structure[at].signature.kwargs)
    return layout
