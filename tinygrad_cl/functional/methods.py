"""The functions that are also methods of Tensor: `x.sum(...)` is `sum(x, ...)`."""

from __future__ import annotations

from tinygrad_cl.functional import (
    activation,
    counting,
    elementwise,
    extremes,
    index,
    inplace,
    logic,
    movement,
    quantiles,
    random,
    reduce,
    scan,
    sorting,
    views,
    writing,
    writing_inplace,
    writing_slices,
)
from tinygrad_cl.functional import matmul as products
from tinygrad_cl.functional import norm as norms
from tinygrad_cl.functional.methods_shape import ShapeMethods


class Methods(ShapeMethods):
    """Functions as methods; each is documented where it is defined."""

    __slots__ = ()

    add = elementwise.add
    sub = elementwise.sub
    mul = elementwise.mul
    div = elementwise.div
    floor_divide = elementwise.floor_divide
    remainder = elementwise.remainder
    pow = elementwise.pow
    square = elementwise.square
    reciprocal = elementwise.reciprocal
    maximum = elementwise.maximum
    minimum = elementwise.minimum
    neg = elementwise.neg
    abs = elementwise.abs
    sign = elementwise.sign
    floor = elementwise.floor
    ceil = elementwise.ceil
    round = elementwise.round
    trunc = elementwise.trunc
    exp = elementwise.exp
    log = elementwise.log
    sqrt = elementwise.sqrt
    rsqrt = elementwise.rsqrt
    sin = elementwise.sin
    cos = elementwise.cos
    erf = elementwise.erf
    lerp = elementwise.lerp

    eq = logic.eq
    ne = logic.ne
    lt = logic.lt
    le = logic.le
    gt = logic.gt
    ge = logic.ge
    isnan = logic.isnan
    isinf = logic.isinf
    isfinite = logic.isfinite
    equal = logic.equal
    allclose = logic.allclose
    logical_not = logic.logical_not
    logical_and = logic.logical_and
    logical_or = logic.logical_or
    logical_xor = logic.logical_xor
    bitwise_and = logic.bitwise_and
    bitwise_or = logic.bitwise_or
    bitwise_xor = logic.bitwise_xor
    bitwise_not = logic.bitwise_not
    masked_fill = logic.masked_fill
    clamp = logic.clamp
    clip = logic.clip

    add_ = inplace.add_
    sub_ = inplace.sub_
    mul_ = inplace.mul_
    div_ = inplace.div_
    pow_ = inplace.pow_
    neg_ = inplace.neg_
    abs_ = inplace.abs_
    exp_ = inplace.exp_
    log_ = inplace.log_
    sqrt_ = inplace.sqrt_
    relu_ = inplace.relu_
    clamp_ = inplace.clamp_
    masked_fill_ = inplace.masked_fill_
    copy_ = inplace.copy_
    fill_ = inplace.fill_
    zero_ = inplace.zero_

    sum = reduce.sum
    prod = reduce.prod
    mean = reduce.mean
    var = reduce.var
    std = reduce.std
    max = extremes.max
    min = extremes.min
    amax = extremes.amax
    amin = extremes.amin
    argmax = extremes.argmax
    argmin = extremes.argmin
    any = reduce.any
    all = reduce.all
    count_nonzero = reduce.count_nonzero

    norm = norms.norm
    logsumexp = norms.logsumexp

    relu = activation.relu
    sigmoid = activation.sigmoid
    tanh = activation.tanh
    softmax = activation.softmax
    log_softmax = activation.log_softmax

    reshape = views.reshape
    view = views.view
    flatten = views.flatten
    ravel = views.ravel
    unflatten = views.unflatten
    permute = views.permute
    transpose = views.transpose
    t = views.t
    movedim = views.movedim
    squeeze = views.squeeze
    unsqueeze = views.unsqueeze
    expand = views.expand
    expand_as = views.expand_as
    broadcast_to = views.broadcast_to
    repeat = views.repeat
    tile = views.tile
    narrow = movement.narrow
    select = movement.select
    unbind = movement.unbind
    split = movement.split
    chunk = movement.chunk
    flip = movement.flip
    roll = movement.roll

    matmul = products.matmul
    mm = products.mm
    bmm = products.bmm
    mv = products.mv
    dot = products.dot
    outer = products.outer
    addmm = products.addmm

    gather = index.gather
    scatter_add = index.scatter_add
    index_select = index.index_select
    index_add = index.index_add
    take_along_dim = index.take_along_dim
    nonzero = index.nonzero
    masked_select = index.masked_select
    tril = index.tril
    triu = index.triu

    cumsum = scan.cumsum
    cumprod = scan.cumprod
    logcumsumexp = scan.logcumsumexp
    cummax = scan.cummax
    cummin = scan.cummin
    cumsum_ = scan.cumsum_
    cumprod_ = scan.cumprod_

    sort = sorting.sort
    argsort = sorting.argsort
    msort = sorting.msort
    topk = sorting.topk

    median = quantiles.median
    nanmedian = quantiles.nanmedian
    quantile = quantiles.quantile

    unique = counting.unique
    bincount = counting.bincount
    repeat_interleave = counting.repeat_interleave
    multinomial = counting.multinomial

    scatter = writing.scatter
    index_fill = writing.index_fill
    index_copy = writing.index_copy
    index_put = writing.index_put
    masked_scatter = writing.masked_scatter
    take = writing.take
    select_scatter = writing_slices.select_scatter
    slice_scatter = writing_slices.slice_scatter
    diagonal_scatter = writing_slices.diagonal_scatter

    scatter_ = writing_inplace.scatter_
    scatter_add_ = writing_inplace.scatter_add_
    index_add_ = writing_inplace.index_add_
    index_fill_ = writing_inplace.index_fill_
    index_copy_ = writing_inplace.index_copy_
    index_put_ = writing_inplace.index_put_
    masked_scatter_ = writing_inplace.masked_scatter_

    argwhere = index.argwhere

    bernoulli = random.bernoulli
    uniform_ = random.uniform_
    normal_ = random.normal_
