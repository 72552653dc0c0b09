"""The functions that are also methods of Tensor: `x.sum(...)` is `sum(x, ...)`."""

from __future__ import annotations

from tinygrad_cl.functional import (
    activation,
    counting,
    elementwise,
    extremes,
    grids,
    index,
    inplace,
    linalg,
    logic,
    movement,
    quantiles,
    random,
    reduce,
    scan,
    shaping,
    sorting,
    views,
)
from tinygrad_cl.functional import diagonal as diagonals
from tinygrad_cl.functional import matmul as products
from tinygrad_cl.functional import norm as norms
from tinygrad_cl.functional import products as more_products
from tinygrad_cl.functional.methods_math import MathMethods


class Methods(MathMethods):
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

    diagonal = diagonals.diagonal
    diag = diagonals.diag
    diag_embed = diagonals.diag_embed
    diagflat = diagonals.diagflat
    trace = diagonals.trace
    split_with_sizes = shaping.split_with_sizes
    tensor_split = shaping.tensor_split
    unfold = shaping.unfold
    reshape_as = shaping.reshape_as
    view_as = shaping.view_as
    swapaxes = shaping.swapaxes
    swapdims = shaping.swapdims
    fliplr = shaping.fliplr
    flipud = shaping.flipud
    rot90 = shaping.rot90
    sum_to_size = shaping.sum_to_size
    new_tensor = grids.new_tensor
    new_full = grids.new_full
    new_ones = grids.new_ones
    new_zeros = grids.new_zeros
    new_empty = grids.new_empty
    addmv = more_products.addmv
    addr = more_products.addr
    addbmm = more_products.addbmm
    baddbmm = more_products.baddbmm
    inner = more_products.inner
    vdot = more_products.vdot
    kron = more_products.kron
    cross = more_products.cross
    det = linalg.det
    inverse = linalg.inv
    matrix_power = linalg.matrix_power

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

    bernoulli = random.bernoulli
    uniform_ = random.uniform_
    normal_ = random.normal_
