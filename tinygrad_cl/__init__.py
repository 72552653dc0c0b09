"""tinygrad_cl: a PyTorch-like autograd engine whose tensors live on OpenCL devices.

Nothing is computed before a value is needed: operations build a graph, and `item()`, `numpy()`,
`print` and `optimizer.step()` turn it into few OpenCL kernels.

Example:
    >>> import tinygrad_cl as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> loss = ((w - 3) ** 2).sum()
    >>> loss.backward()
    >>> w.grad
    tensor([-4., -2.])
"""

from __future__ import annotations

from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi
from typing import TYPE_CHECKING

from tinygrad_cl.tensor import Tensor as Tensor  # first: a function takes this module's name below

# isort: split
from tinygrad_cl import aliases as aliases
from tinygrad_cl import autograd as autograd
from tinygrad_cl import settings
from tinygrad_cl.autograd import enable_grad as enable_grad
from tinygrad_cl.autograd import inference_mode as inference_mode
from tinygrad_cl.autograd import is_grad_enabled as is_grad_enabled
from tinygrad_cl.autograd import no_grad as no_grad
from tinygrad_cl.autograd import set_grad_enabled as set_grad_enabled
from tinygrad_cl.compiler.fallbacks import fallbacks as fallbacks
from tinygrad_cl.dtypes import DType as DType
from tinygrad_cl.dtypes import bfloat16 as bfloat16
from tinygrad_cl.dtypes import bool_ as bool
from tinygrad_cl.dtypes import bool_ as bool_
from tinygrad_cl.dtypes import finfo as finfo
from tinygrad_cl.dtypes import float16 as float16
from tinygrad_cl.dtypes import float16 as half
from tinygrad_cl.dtypes import float32 as float
from tinygrad_cl.dtypes import float32 as float32
from tinygrad_cl.dtypes import float64 as double
from tinygrad_cl.dtypes import float64 as float64
from tinygrad_cl.dtypes import iinfo as iinfo
from tinygrad_cl.dtypes import int32 as int
from tinygrad_cl.dtypes import int32 as int32
from tinygrad_cl.dtypes import int64 as int64
from tinygrad_cl.dtypes import int64 as long
from tinygrad_cl.dtypes import uint8 as uint8
from tinygrad_cl.errors import BuildError as BuildError
from tinygrad_cl.errors import DataError as DataError
from tinygrad_cl.errors import DeviceError as DeviceError
from tinygrad_cl.errors import DeviceMemoryError as DeviceMemoryError
from tinygrad_cl.errors import DTypeError as DTypeError
from tinygrad_cl.errors import GradientError as GradientError
from tinygrad_cl.errors import LinAlgError as LinAlgError
from tinygrad_cl.errors import ShapeError as ShapeError
from tinygrad_cl.errors import TinygradError as TinygradError
from tinygrad_cl.functional.activation import log_softmax as log_softmax
from tinygrad_cl.functional.activation import relu as relu
from tinygrad_cl.functional.activation import sigmoid as sigmoid
from tinygrad_cl.functional.activation import softmax as softmax
from tinygrad_cl.functional.activation import tanh as tanh
from tinygrad_cl.functional.autocasting import autocast as autocast
from tinygrad_cl.functional.counting import bincount as bincount
from tinygrad_cl.functional.counting import multinomial as multinomial
from tinygrad_cl.functional.counting import repeat_interleave as repeat_interleave
from tinygrad_cl.functional.counting import unique as unique
from tinygrad_cl.functional.creation import arange as arange
from tinygrad_cl.functional.creation import as_tensor as as_tensor
from tinygrad_cl.functional.creation import as_tensor as asarray
from tinygrad_cl.functional.creation import empty as empty
from tinygrad_cl.functional.creation import empty_like as empty_like
from tinygrad_cl.functional.creation import eye as eye
from tinygrad_cl.functional.creation import from_numpy as from_numpy
from tinygrad_cl.functional.creation import full as full
from tinygrad_cl.functional.creation import full_like as full_like
from tinygrad_cl.functional.creation import linspace as linspace
from tinygrad_cl.functional.creation import ones as ones
from tinygrad_cl.functional.creation import ones_like as ones_like
from tinygrad_cl.functional.creation import tensor as tensor
from tinygrad_cl.functional.creation import zeros as zeros
from tinygrad_cl.functional.creation import zeros_like as zeros_like
from tinygrad_cl.functional.diagonal import diag as diag
from tinygrad_cl.functional.diagonal import diag_embed as diag_embed
from tinygrad_cl.functional.diagonal import diagflat as diagflat
from tinygrad_cl.functional.diagonal import diagonal as diagonal
from tinygrad_cl.functional.diagonal import trace as trace
from tinygrad_cl.functional.differences import cdist as cdist
from tinygrad_cl.functional.differences import cumulative_trapezoid as cumulative_trapezoid
from tinygrad_cl.functional.differences import diff as diff
from tinygrad_cl.functional.differences import dist as dist
from tinygrad_cl.functional.differences import gradient as gradient
from tinygrad_cl.functional.differences import trapezoid as trapezoid
from tinygrad_cl.functional.differences import trapz as trapz
from tinygrad_cl.functional.einsum import einsum as einsum
from tinygrad_cl.functional.elementwise import abs as abs
from tinygrad_cl.functional.elementwise import abs as absolute
from tinygrad_cl.functional.elementwise import add as add
from tinygrad_cl.functional.elementwise import ceil as ceil
from tinygrad_cl.functional.elementwise import cos as cos
from tinygrad_cl.functional.elementwise import div as div
from tinygrad_cl.functional.elementwise import div as divide
from tinygrad_cl.functional.elementwise import erf as erf
from tinygrad_cl.functional.elementwise import exp as exp
from tinygrad_cl.functional.elementwise import floor as floor
from tinygrad_cl.functional.elementwise import floor_divide as floor_divide
from tinygrad_cl.functional.elementwise import lerp as lerp
from tinygrad_cl.functional.elementwise import log as log
from tinygrad_cl.functional.elementwise import maximum as maximum
from tinygrad_cl.functional.elementwise import minimum as minimum
from tinygrad_cl.functional.elementwise import mul as mul
from tinygrad_cl.functional.elementwise import mul as multiply
from tinygrad_cl.functional.elementwise import neg as neg
from tinygrad_cl.functional.elementwise import neg as negative
from tinygrad_cl.functional.elementwise import pow as pow
from tinygrad_cl.functional.elementwise import reciprocal as reciprocal
from tinygrad_cl.functional.elementwise import remainder as remainder
from tinygrad_cl.functional.elementwise import round as round
from tinygrad_cl.functional.elementwise import rsqrt as rsqrt
from tinygrad_cl.functional.elementwise import sign as sign
from tinygrad_cl.functional.elementwise import sin as sin
from tinygrad_cl.functional.elementwise import sqrt as sqrt
from tinygrad_cl.functional.elementwise import square as square
from tinygrad_cl.functional.elementwise import sub as sub
from tinygrad_cl.functional.elementwise import sub as subtract
from tinygrad_cl.functional.elementwise import trunc as trunc
from tinygrad_cl.functional.explain import explain as explain
from tinygrad_cl.functional.extremes import amax as amax
from tinygrad_cl.functional.extremes import amin as amin
from tinygrad_cl.functional.extremes import argmax as argmax
from tinygrad_cl.functional.extremes import argmin as argmin
from tinygrad_cl.functional.extremes import max as max
from tinygrad_cl.functional.extremes import min as min
from tinygrad_cl.functional.grids import cartesian_prod as cartesian_prod
from tinygrad_cl.functional.grids import combinations as combinations
from tinygrad_cl.functional.grids import logspace as logspace
from tinygrad_cl.functional.grids import meshgrid as meshgrid
from tinygrad_cl.functional.grids import tril_indices as tril_indices
from tinygrad_cl.functional.grids import triu_indices as triu_indices
from tinygrad_cl.functional.index import argwhere as argwhere
from tinygrad_cl.functional.index import gather as gather
from tinygrad_cl.functional.index import index_add as index_add
from tinygrad_cl.functional.index import index_select as index_select
from tinygrad_cl.functional.index import masked_select as masked_select
from tinygrad_cl.functional.index import nonzero as nonzero
from tinygrad_cl.functional.index import scatter_add as scatter_add
from tinygrad_cl.functional.index import take_along_dim as take_along_dim
from tinygrad_cl.functional.index import tril as tril
from tinygrad_cl.functional.index import triu as triu
from tinygrad_cl.functional.logic import allclose as allclose
from tinygrad_cl.functional.logic import bitwise_and as bitwise_and
from tinygrad_cl.functional.logic import bitwise_not as bitwise_not
from tinygrad_cl.functional.logic import bitwise_or as bitwise_or
from tinygrad_cl.functional.logic import bitwise_xor as bitwise_xor
from tinygrad_cl.functional.logic import clamp as clamp
from tinygrad_cl.functional.logic import clip as clip
from tinygrad_cl.functional.logic import eq as eq
from tinygrad_cl.functional.logic import equal as equal
from tinygrad_cl.functional.logic import ge as ge
from tinygrad_cl.functional.logic import ge as greater_equal
from tinygrad_cl.functional.logic import gt as greater
from tinygrad_cl.functional.logic import gt as gt
from tinygrad_cl.functional.logic import isfinite as isfinite
from tinygrad_cl.functional.logic import isinf as isinf
from tinygrad_cl.functional.logic import isnan as isnan
from tinygrad_cl.functional.logic import le as le
from tinygrad_cl.functional.logic import le as less_equal
from tinygrad_cl.functional.logic import logical_and as logical_and
from tinygrad_cl.functional.logic import logical_not as logical_not
from tinygrad_cl.functional.logic import logical_or as logical_or
from tinygrad_cl.functional.logic import logical_xor as logical_xor
from tinygrad_cl.functional.logic import lt as less
from tinygrad_cl.functional.logic import lt as lt
from tinygrad_cl.functional.logic import masked_fill as masked_fill
from tinygrad_cl.functional.logic import ne as ne
from tinygrad_cl.functional.logic import ne as not_equal
from tinygrad_cl.functional.logic import where as where
from tinygrad_cl.functional.matmul import addmm as addmm
from tinygrad_cl.functional.matmul import bmm as bmm
from tinygrad_cl.functional.matmul import dot as dot
from tinygrad_cl.functional.matmul import matmul as matmul
from tinygrad_cl.functional.matmul import mm as mm
from tinygrad_cl.functional.matmul import mv as mv
from tinygrad_cl.functional.matmul import outer as outer
from tinygrad_cl.functional.movement import cat as cat
from tinygrad_cl.functional.movement import cat as concat
from tinygrad_cl.functional.movement import cat as concatenate
from tinygrad_cl.functional.movement import chunk as chunk
from tinygrad_cl.functional.movement import flip as flip
from tinygrad_cl.functional.movement import narrow as narrow
from tinygrad_cl.functional.movement import roll as roll
from tinygrad_cl.functional.movement import select as select
from tinygrad_cl.functional.movement import split as split
from tinygrad_cl.functional.movement import stack as stack
from tinygrad_cl.functional.movement import unbind as unbind
from tinygrad_cl.functional.norm import logsumexp as logsumexp
from tinygrad_cl.functional.norm import norm as norm
from tinygrad_cl.functional.older_tensors import BoolTensor as BoolTensor
from tinygrad_cl.functional.older_tensors import ByteTensor as ByteTensor
from tinygrad_cl.functional.older_tensors import DoubleTensor as DoubleTensor
from tinygrad_cl.functional.older_tensors import FloatTensor as FloatTensor
from tinygrad_cl.functional.older_tensors import HalfTensor as HalfTensor
from tinygrad_cl.functional.older_tensors import IntTensor as IntTensor
from tinygrad_cl.functional.older_tensors import LongTensor as LongTensor
from tinygrad_cl.functional.older_tensors import device as device
from tinygrad_cl.functional.older_tensors import is_complex as is_complex
from tinygrad_cl.functional.older_tensors import is_floating_point as is_floating_point
from tinygrad_cl.functional.older_tensors import is_nonzero as is_nonzero
from tinygrad_cl.functional.older_tensors import is_tensor as is_tensor
from tinygrad_cl.functional.older_tensors import numel as numel
from tinygrad_cl.functional.older_tensors import scalar_tensor as scalar_tensor
from tinygrad_cl.functional.older_tensors import (
    use_deterministic_algorithms as use_deterministic_algorithms,
)
from tinygrad_cl.functional.pairs import addcdiv as addcdiv
from tinygrad_cl.functional.pairs import addcmul as addcmul
from tinygrad_cl.functional.pairs import atan2 as arctan2
from tinygrad_cl.functional.pairs import atan2 as atan2
from tinygrad_cl.functional.pairs import bitwise_left_shift as bitwise_left_shift
from tinygrad_cl.functional.pairs import bitwise_right_shift as bitwise_right_shift
from tinygrad_cl.functional.pairs import copysign as copysign
from tinygrad_cl.functional.pairs import float_power as float_power
from tinygrad_cl.functional.pairs import fmax as fmax
from tinygrad_cl.functional.pairs import fmin as fmin
from tinygrad_cl.functional.pairs import fmod as fmod
from tinygrad_cl.functional.pairs import heaviside as heaviside
from tinygrad_cl.functional.pairs import hypot as hypot
from tinygrad_cl.functional.pairs import ldexp as ldexp
from tinygrad_cl.functional.pairs import logaddexp as logaddexp
from tinygrad_cl.functional.pairs import logaddexp2 as logaddexp2
from tinygrad_cl.functional.pairs import rsub as rsub
from tinygrad_cl.functional.pairs import true_divide as true_divide
from tinygrad_cl.functional.pairs import xlogy as xlogy
from tinygrad_cl.functional.parts import clamp_max as clamp_max
from tinygrad_cl.functional.parts import clamp_min as clamp_min
from tinygrad_cl.functional.parts import deg2rad as deg2rad
from tinygrad_cl.functional.parts import frac as frac
from tinygrad_cl.functional.parts import isclose as isclose
from tinygrad_cl.functional.parts import isneginf as isneginf
from tinygrad_cl.functional.parts import isposinf as isposinf
from tinygrad_cl.functional.parts import isreal as isreal
from tinygrad_cl.functional.parts import nan_to_num as nan_to_num
from tinygrad_cl.functional.parts import positive as positive
from tinygrad_cl.functional.parts import rad2deg as rad2deg
from tinygrad_cl.functional.parts import sgn as sgn
from tinygrad_cl.functional.parts import signbit as signbit
from tinygrad_cl.functional.products import addbmm as addbmm
from tinygrad_cl.functional.products import addmv as addmv
from tinygrad_cl.functional.products import addr as addr
from tinygrad_cl.functional.products import baddbmm as baddbmm
from tinygrad_cl.functional.products import cross as cross
from tinygrad_cl.functional.products import inner as inner
from tinygrad_cl.functional.products import kron as kron
from tinygrad_cl.functional.products import tensordot as tensordot
from tinygrad_cl.functional.products import vdot as vdot
from tinygrad_cl.functional.quantiles import median as median
from tinygrad_cl.functional.quantiles import nanmedian as nanmedian
from tinygrad_cl.functional.quantiles import quantile as quantile
from tinygrad_cl.functional.random import Generator as Generator
from tinygrad_cl.functional.random import bernoulli as bernoulli
from tinygrad_cl.functional.random import initial_seed as initial_seed
from tinygrad_cl.functional.random import manual_seed as manual_seed
from tinygrad_cl.functional.random import normal as normal
from tinygrad_cl.functional.random import rand as rand
from tinygrad_cl.functional.random import rand_like as rand_like
from tinygrad_cl.functional.random import randint as randint
from tinygrad_cl.functional.random import randn as randn
from tinygrad_cl.functional.random import randn_like as randn_like
from tinygrad_cl.functional.random import randperm as randperm
from tinygrad_cl.functional.recompute import checkpoint as checkpoint
from tinygrad_cl.functional.reduce import all as all
from tinygrad_cl.functional.reduce import any as any
from tinygrad_cl.functional.reduce import count_nonzero as count_nonzero
from tinygrad_cl.functional.reduce import mean as mean
from tinygrad_cl.functional.reduce import prod as prod
from tinygrad_cl.functional.reduce import std as std
from tinygrad_cl.functional.reduce import sum as sum
from tinygrad_cl.functional.reduce import var as var
from tinygrad_cl.functional.scan import cummax as cummax
from tinygrad_cl.functional.scan import cummin as cummin
from tinygrad_cl.functional.scan import cumprod as cumprod
from tinygrad_cl.functional.scan import cumsum as cumsum
from tinygrad_cl.functional.scan import logcumsumexp as logcumsumexp
from tinygrad_cl.functional.shaping import atleast_1d as atleast_1d
from tinygrad_cl.functional.shaping import atleast_2d as atleast_2d
from tinygrad_cl.functional.shaping import atleast_3d as atleast_3d
from tinygrad_cl.functional.shaping import block_diag as block_diag
from tinygrad_cl.functional.shaping import column_stack as column_stack
from tinygrad_cl.functional.shaping import dstack as dstack
from tinygrad_cl.functional.shaping import hstack as hstack
from tinygrad_cl.functional.shaping import split_with_sizes as split_with_sizes
from tinygrad_cl.functional.shaping import tensor_split as tensor_split
from tinygrad_cl.functional.shaping import vstack as vstack
from tinygrad_cl.functional.sorting import argsort as argsort
from tinygrad_cl.functional.sorting import bucketize as bucketize
from tinygrad_cl.functional.sorting import msort as msort
from tinygrad_cl.functional.sorting import searchsorted as searchsorted
from tinygrad_cl.functional.sorting import sort as sort
from tinygrad_cl.functional.sorting import topk as topk
from tinygrad_cl.functional.special import acos as acos
from tinygrad_cl.functional.special import acos as arccos
from tinygrad_cl.functional.special import acosh as acosh
from tinygrad_cl.functional.special import acosh as arccosh
from tinygrad_cl.functional.special import asin as arcsin
from tinygrad_cl.functional.special import asin as asin
from tinygrad_cl.functional.special import asinh as arcsinh
from tinygrad_cl.functional.special import asinh as asinh
from tinygrad_cl.functional.special import atan as arctan
from tinygrad_cl.functional.special import atan as atan
from tinygrad_cl.functional.special import atanh as arctanh
from tinygrad_cl.functional.special import atanh as atanh
from tinygrad_cl.functional.special import cosh as cosh
from tinygrad_cl.functional.special import digamma as digamma
from tinygrad_cl.functional.special import erfc as erfc
from tinygrad_cl.functional.special import erfinv as erfinv
from tinygrad_cl.functional.special import exp2 as exp2
from tinygrad_cl.functional.special import expm1 as expm1
from tinygrad_cl.functional.special import lgamma as lgamma
from tinygrad_cl.functional.special import log1p as log1p
from tinygrad_cl.functional.special import log2 as log2
from tinygrad_cl.functional.special import log10 as log10
from tinygrad_cl.functional.special import logit as logit
from tinygrad_cl.functional.special import sinc as sinc
from tinygrad_cl.functional.special import sinh as sinh
from tinygrad_cl.functional.special import tan as tan
from tinygrad_cl.functional.statistics import aminmax as aminmax
from tinygrad_cl.functional.statistics import corrcoef as corrcoef
from tinygrad_cl.functional.statistics import cov as cov
from tinygrad_cl.functional.statistics import histc as histc
from tinygrad_cl.functional.statistics import isin as isin
from tinygrad_cl.functional.statistics import nanmean as nanmean
from tinygrad_cl.functional.statistics import nansum as nansum
from tinygrad_cl.functional.statistics import std_mean as std_mean
from tinygrad_cl.functional.statistics import var_mean as var_mean
from tinygrad_cl.functional.turning import constant_pad_nd as constant_pad_nd
from tinygrad_cl.functional.turning import fill as fill
from tinygrad_cl.functional.turning import fliplr as fliplr
from tinygrad_cl.functional.turning import flipud as flipud
from tinygrad_cl.functional.turning import rot90 as rot90
from tinygrad_cl.functional.turning import swapaxes as swapaxes
from tinygrad_cl.functional.turning import swapdims as swapdims
from tinygrad_cl.functional.views import broadcast_tensors as broadcast_tensors
from tinygrad_cl.functional.views import broadcast_to as broadcast_to
from tinygrad_cl.functional.views import clone as clone
from tinygrad_cl.functional.views import flatten as flatten
from tinygrad_cl.functional.views import movedim as moveaxis
from tinygrad_cl.functional.views import movedim as movedim
from tinygrad_cl.functional.views import permute as permute
from tinygrad_cl.functional.views import ravel as ravel
from tinygrad_cl.functional.views import repeat as repeat
from tinygrad_cl.functional.views import reshape as reshape
from tinygrad_cl.functional.views import squeeze as squeeze
from tinygrad_cl.functional.views import t as t
from tinygrad_cl.functional.views import tile as tile
from tinygrad_cl.functional.views import transpose as transpose
from tinygrad_cl.functional.views import unflatten as unflatten
from tinygrad_cl.functional.views import unsqueeze as unsqueeze
from tinygrad_cl.functional.writing import index_copy as index_copy
from tinygrad_cl.functional.writing import index_fill as index_fill
from tinygrad_cl.functional.writing import index_put as index_put
from tinygrad_cl.functional.writing import masked_scatter as masked_scatter
from tinygrad_cl.functional.writing import scatter as scatter
from tinygrad_cl.functional.writing import take as take
from tinygrad_cl.functional.writing import unravel_index as unravel_index
from tinygrad_cl.functional.writing_slices import diagonal_scatter as diagonal_scatter
from tinygrad_cl.functional.writing_slices import select_scatter as select_scatter
from tinygrad_cl.functional.writing_slices import slice_scatter as slice_scatter
from tinygrad_cl.jit import jit as compile
from tinygrad_cl.jit import jit as jit
from tinygrad_cl.ondemand import on_demand as _on_demand
from tinygrad_cl.runtime.device import Device as Device
from tinygrad_cl.runtime.device import devices as devices
from tinygrad_cl.runtime.device import get_default_device as get_default_device
from tinygrad_cl.runtime.device import set_default_device as set_default_device

if TYPE_CHECKING:
    from tinygrad_cl import amp as amp
    from tinygrad_cl import backends as backends
    from tinygrad_cl import cuda as cuda
    from tinygrad_cl import data as data
    from tinygrad_cl import distributed as distributed
    from tinygrad_cl import distributions as distributions
    from tinygrad_cl import func as func
    from tinygrad_cl import io as io
    from tinygrad_cl import linalg as linalg
    from tinygrad_cl import models as models
    from tinygrad_cl import nn as nn
    from tinygrad_cl import optim as optim
    from tinygrad_cl import special as special
    from tinygrad_cl import testing as testing
    from tinygrad_cl import train as train
    from tinygrad_cl import utils as utils
    from tinygrad_cl.data import datasets as datasets
    from tinygrad_cl.io.torchlike import load as load
    from tinygrad_cl.io.torchlike import save as save
    from tinygrad_cl.linalg import cholesky as cholesky
    from tinygrad_cl.linalg import det as det
    from tinygrad_cl.linalg import inv as inverse
    from tinygrad_cl.linalg import matrix_power as matrix_power
    from tinygrad_cl.nn.functional import avg_pool1d as avg_pool1d
    from tinygrad_cl.nn.functional import batch_norm as batch_norm
    from tinygrad_cl.nn.functional import bilinear as bilinear
    from tinygrad_cl.nn.functional import (
        binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
    )
    from tinygrad_cl.nn.functional import celu as celu
    from tinygrad_cl.nn.functional import conv1d as conv1d
    from tinygrad_cl.nn.functional import conv2d as conv2d
    from tinygrad_cl.nn.functional import conv3d as conv3d
    from tinygrad_cl.nn.functional import conv_transpose1d as conv_transpose1d
    from tinygrad_cl.nn.functional import conv_transpose2d as conv_transpose2d
    from tinygrad_cl.nn.functional import cosine_embedding_loss as cosine_embedding_loss
    from tinygrad_cl.nn.functional import cosine_similarity as cosine_similarity
    from tinygrad_cl.nn.functional import ctc_loss as ctc_loss
    from tinygrad_cl.nn.functional import dropout as dropout
    from tinygrad_cl.nn.functional import embedding as embedding
    from tinygrad_cl.nn.functional import hinge_embedding_loss as hinge_embedding_loss
    from tinygrad_cl.nn.functional import kl_div as kl_div
    from tinygrad_cl.nn.functional import layer_norm as layer_norm
    from tinygrad_cl.nn.functional import margin_ranking_loss as margin_ranking_loss
    from tinygrad_cl.nn.functional import max_pool1d as max_pool1d
    from tinygrad_cl.nn.functional import max_pool2d as max_pool2d
    from tinygrad_cl.nn.functional import pairwise_distance as pairwise_distance
    from tinygrad_cl.nn.functional import pixel_shuffle as pixel_shuffle
    from tinygrad_cl.nn.functional import poisson_nll_loss as poisson_nll_loss
    from tinygrad_cl.nn.functional import prelu as prelu
    from tinygrad_cl.nn.functional import rms_norm as rms_norm
    from tinygrad_cl.nn.functional import selu as selu
    from tinygrad_cl.nn.functional import threshold as threshold
    from tinygrad_cl.nn.functional import triplet_margin_loss as triplet_margin_loss
    from tinygrad_cl.train import Model as Model
    from tinygrad_cl.train.summary import summary as summary
else:  # the same names, each loaded when it is first used
    __getattr__, __dir__ = _on_demand(
        __name__,
        rooms=[
            "amp",
            "backends",
            "cuda",
            "utils",
            "data",
            "distributed",
            "distributions",
            "func",
            "io",
            "linalg",
            "models",
            "nn",
            "optim",
            "special",
            "testing",
            "train",
        ],
        names={
            "tinygrad_cl.data": ["datasets"],
            "tinygrad_cl.io.torchlike": ["load", "save"],
            "tinygrad_cl.linalg": ["cholesky", "det", "inverse", "matrix_power"],
            "tinygrad_cl.nn.functional": [
                "avg_pool1d",
                "batch_norm",
                "bilinear",
                "binary_cross_entropy_with_logits",
                "celu",
                "conv1d",
                "conv2d",
                "conv3d",
                "conv_transpose1d",
                "conv_transpose2d",
                "cosine_embedding_loss",
                "cosine_similarity",
                "ctc_loss",
                "dropout",
                "embedding",
                "hinge_embedding_loss",
                "kl_div",
                "layer_norm",
                "margin_ranking_loss",
                "max_pool1d",
                "max_pool2d",
                "pairwise_distance",
                "pixel_shuffle",
                "poisson_nll_loss",
                "prelu",
                "rms_norm",
                "selu",
                "threshold",
                "triplet_margin_loss",
            ],
            "tinygrad_cl.train": ["Model", "summary"],
        },
    )
    if settings.shadow():  # this mode begins with the program
        __getattr__("testing")

__version__ = "0.1.0"

__all__ = [
    "BoolTensor",
    "BuildError",
    "ByteTensor",
    "DType",
    "DTypeError",
    "DataError",
    "Device",
    "DeviceError",
    "DeviceMemoryError",
    "DoubleTensor",
    "FloatTensor",
    "Generator",
    "GradientError",
    "HalfTensor",
    "IntTensor",
    "LinAlgError",
    "LongTensor",
    "Model",
    "ShapeError",
    "Tensor",
    "TinygradError",
    "abs",
    "absolute",
    "acos",
    "acosh",
    "add",
    "addbmm",
    "addcdiv",
    "addcmul",
    "addmm",
    "addmv",
    "addr",
    "all",
    "allclose",
    "amax",
    "amin",
    "aminmax",
    "amp",
    "any",
    "arange",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "argmax",
    "argmin",
    "argsort",
    "argwhere",
    "as_tensor",
    "asarray",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "autocast",
    "autograd",
    "avg_pool1d",
    "backends",
    "baddbmm",
    "batch_norm",
    "bernoulli",
    "bfloat16",
    "bilinear",
    "binary_cross_entropy_with_logits",
    "bincount",
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "block_diag",
    "bmm",
    "bool",
    "bool_",
    "broadcast_tensors",
    "broadcast_to",
    "bucketize",
    "cartesian_prod",
    "cat",
    "cdist",
    "ceil",
    "celu",
    "checkpoint",
    "cholesky",
    "chunk",
    "clamp",
    "clamp_max",
    "clamp_min",
    "clip",
    "clone",
    "column_stack",
    "combinations",
    "compile",
    "concat",
    "concatenate",
    "constant_pad_nd",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "copysign",
    "corrcoef",
    "cos",
    "cosh",
    "cosine_embedding_loss",
    "cosine_similarity",
    "count_nonzero",
    "cov",
    "cross",
    "ctc_loss",
    "cuda",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "cumulative_trapezoid",
    "data",
    "datasets",
    "deg2rad",
    "det",
    "device",
    "devices",
    "diag",
    "diag_embed",
    "diagflat",
    "diagonal",
    "diagonal_scatter",
    "diff",
    "digamma",
    "dist",
    "distributed",
    "distributions",
    "div",
    "divide",
    "dot",
    "double",
    "dropout",
    "dstack",
    "e",
    "einsum",
    "embedding",
    "empty",
    "empty_like",
    "enable_grad",
    "eq",
    "equal",
    "erf",
    "erfc",
    "erfinv",
    "exp",
    "exp2",
    "explain",
    "expm1",
    "eye",
    "fallbacks",
    "fill",
    "finfo",
    "flatten",
    "flip",
    "fliplr",
    "flipud",
    "float",
    "float16",
    "float32",
    "float64",
    "float_power",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "frac",
    "from_numpy",
    "full",
    "full_like",
    "func",
    "gather",
    "ge",
    "get_default_device",
    "gradient",
    "greater",
    "greater_equal",
    "gt",
    "half",
    "heaviside",
    "hinge_embedding_loss",
    "histc",
    "hstack",
    "hypot",
    "iinfo",
    "index_add",
    "index_copy",
    "index_fill",
    "index_put",
    "index_select",
    "inf",
    "inference_mode",
    "initial_seed",
    "inner",
    "int",
    "int32",
    "int64",
    "inverse",
    "io",
    "is_complex",
    "is_floating_point",
    "is_grad_enabled",
    "is_nonzero",
    "is_tensor",
    "isclose",
    "isfinite",
    "isin",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "isreal",
    "jit",
    "kl_div",
    "kron",
    "layer_norm",
    "ldexp",
    "le",
    "lerp",
    "less",
    "less_equal",
    "lgamma",
    "linalg",
    "linspace",
    "load",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_softmax",
    "logaddexp",
    "logaddexp2",
    "logcumsumexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logit",
    "logspace",
    "logsumexp",
    "long",
    "lt",
    "manual_seed",
    "margin_ranking_loss",
    "masked_fill",
    "masked_scatter",
    "masked_select",
    "matmul",
    "matrix_power",
    "max",
    "max_pool1d",
    "max_pool2d",
    "maximum",
    "mean",
    "median",
    "meshgrid",
    "min",
    "minimum",
    "mm",
    "models",
    "moveaxis",
    "movedim",
    "msort",
    "mul",
    "multinomial",
    "multiply",
    "mv",
    "nan",
    "nan_to_num",
    "nanmean",
    "nanmedian",
    "nansum",
    "narrow",
    "ne",
    "neg",
    "negative",
    "nn",
    "no_grad",
    "nonzero",
    "norm",
    "normal",
    "not_equal",
    "numel",
    "ones",
    "ones_like",
    "optim",
    "outer",
    "pairwise_distance",
    "permute",
    "pi",
    "pixel_shuffle",
    "poisson_nll_loss",
    "positive",
    "pow",
    "prelu",
    "prod",
    "quantile",
    "rad2deg",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "randperm",
    "ravel",
    "reciprocal",
    "relu",
    "remainder",
    "repeat",
    "repeat_interleave",
    "reshape",
    "rms_norm",
    "roll",
    "rot90",
    "round",
    "rsqrt",
    "rsub",
    "save",
    "scalar_tensor",
    "scatter",
    "scatter_add",
    "searchsorted",
    "select",
    "select_scatter",
    "selu",
    "set_default_device",
    "set_grad_enabled",
    "sgn",
    "sigmoid",
    "sign",
    "signbit",
    "sin",
    "sinc",
    "sinh",
    "slice_scatter",
    "softmax",
    "sort",
    "special",
    "split",
    "split_with_sizes",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "std_mean",
    "sub",
    "subtract",
    "sum",
    "summary",
    "swapaxes",
    "swapdims",
    "t",
    "take",
    "take_along_dim",
    "tan",
    "tanh",
    "tensor",
    "tensor_split",
    "tensordot",
    "testing",
    "threshold",
    "tile",
    "topk",
    "trace",
    "train",
    "transpose",
    "trapezoid",
    "trapz",
    "tril",
    "tril_indices",
    "triplet_margin_loss",
    "triu",
    "triu_indices",
    "true_divide",
    "trunc",
    "uint8",
    "unbind",
    "unflatten",
    "unique",
    "unravel_index",
    "unsqueeze",
    "use_deterministic_algorithms",
    "utils",
    "var",
    "var_mean",
    "vdot",
    "vstack",
    "where",
    "xlogy",
    "zeros",
    "zeros_like",
]
