"""Automatic differentiation that lives in a notebook: TensorFlow's model, a Numba core, live displays."""

from nbtape import (
    autodiff as autodiff,
    autograph as autograph,
    bitwise as bitwise,
    compat as compat,
    config as config,
    data as data,
    datasets as datasets,
    debugging as debugging,
    dtypes as dtypes,
    errors as errors,
    experimental as experimental,
    initializers as initializers,
    keras as keras,
    linalg as linalg,
    math as math,
    nest as nest,
    nn as nn,
    optimizers as optimizers,
    random as random,
    strings as strings,
    summary as summary,
    test as test,
    train as train,
)
from nbtape.autodiff.custom import (
    custom_gradient as custom_gradient,
    grad_pass_through as grad_pass_through,
    recompute_grad as recompute_grad,
    stop_gradient as stop_gradient,
)
from nbtape.autodiff.tape import GradientTape as GradientTape, UnconnectedGradients as UnconnectedGradients
from nbtape.core.dtype import (
    DType as DType,
    as_dtype as as_dtype,
    bfloat16 as bfloat16,
    bool_ as bool,
    complex64 as complex64,
    complex128 as complex128,
    double as double,
    float16 as float16,
    float32 as float32,
    float64 as float64,
    half as half,
    int8 as int8,
    int16 as int16,
    int32 as int32,
    int64 as int64,
    string as string,
    uint8 as uint8,
    uint16 as uint16,
    uint32 as uint32,
    uint64 as uint64,
)
from nbtape.core.engine import Tensor as Tensor
from nbtape.core.log import get_logger as get_logger
from nbtape.core.shape import TensorShape as TensorShape, TensorSpec as TensorSpec
from nbtape.core.slices import IndexedSlices as IndexedSlices
from nbtape.graph.batch import vectorized_map as vectorized_map
from nbtape.graph.control import (
    case as case,
    cond as cond,
    switch_case as switch_case,
    while_loop as while_loop,
)
from nbtape.graph.effects import (
    Assert as Assert,
    control_dependencies as control_dependencies,
    group as group,
    no_op as no_op,
    print as print,
)
from nbtape.graph.functional import foldl as foldl, foldr as foldr, map_fn as map_fn, scan as scan
from nbtape.graph.graph import Graph as Graph
from nbtape.graph.python import numpy_function as numpy_function, py_function as py_function
from nbtape.graph.symbolic import Operation as Operation
from nbtape.graph.v1.device import device as device
from nbtape.graph.v1.device_spec import DeviceSpec as DeviceSpec
from nbtape.graph.v1.gradients import gradients as gradients, hessians as hessians
from nbtape.graph.v1.overrides import RegisterGradient as RegisterGradient, no_gradient as no_gradient
from nbtape.graph.v1.setting import (
    executing_eagerly as executing_eagerly,
    init_scope as init_scope,
    inside_function as inside_function,
)
from nbtape.keras import losses as losses, metrics as metrics
from nbtape.notebook.extension import (
    doctor as doctor,
    load_ipython_extension as load_ipython_extension,
    show as show,
    unload_ipython_extension as unload_ipython_extension,
)
from nbtape.notebook.live.session import Live as live
from nbtape.ops.arithmetic import (
    add_n as add_n,
    atan2 as atan2,
    cast as cast,
    complex as complex,
    divide as divide,
    logical_and as logical_and,
    logical_not as logical_not,
    logical_or as logical_or,
    saturate_cast as saturate_cast,
    scalar_mul as scalar_mul,
    truediv as truediv,
)
from nbtape.ops.clip import (
    clip_by_global_norm as clip_by_global_norm,
    clip_by_norm as clip_by_norm,
    clip_by_value as clip_by_value,
)
from nbtape.ops.count import (
    histogram_fixed_width as histogram_fixed_width,
    histogram_fixed_width_bins as histogram_fixed_width_bins,
)
from nbtape.ops.create import (
    constant as constant,
    convert_to_tensor as convert_to_tensor,
    eye as eye,
    fill as fill,
    get_static_value as get_static_value,
    identity as identity,
    identity_n as identity_n,
    ones as ones,
    ones_like as ones_like,
    zeros as zeros,
    zeros_like as zeros_like,
)
from nbtape.ops.cut import pad as pad, slice as slice, strided_slice as strided_slice
from nbtape.ops.einsum import einsum as einsum, tensordot as tensordot
from nbtape.ops.functions import (
    abs as abs,
    acos as acos,
    acosh as acosh,
    add as add,
    asin as asin,
    asinh as asinh,
    atan as atan,
    atanh as atanh,
    cos as cos,
    cosh as cosh,
    equal as equal,
    exp as exp,
    floor as floor,
    greater as greater,
    greater_equal as greater_equal,
    less as less,
    less_equal as less_equal,
    maximum as maximum,
    minimum as minimum,
    multiply as multiply,
    negative as negative,
    not_equal as not_equal,
    pow as pow,
    realdiv as realdiv,
    round as round,
    sigmoid as sigmoid,
    sign as sign,
    sin as sin,
    sinh as sinh,
    sqrt as sqrt,
    square as square,
    subtract as subtract,
    tan as tan,
    tanh as tanh,
    truncatediv as truncatediv,
    truncatemod as truncatemod,
)
from nbtape.ops.index import gather as gather, gather_nd as gather_nd, unravel_index as unravel_index
from nbtape.ops.join import concat as concat, split as split, stack as stack, unstack as unstack
from nbtape.ops.layout import (
    bitcast as bitcast,
    reverse as reverse,
    reverse_sequence as reverse_sequence,
    roll as roll,
)
from nbtape.ops.linalg import matmul as matmul
from nbtape.ops.lookup import (
    searchsorted as searchsorted,
    unique as unique,
    unique_with_counts as unique_with_counts,
)
from nbtape.ops.mask import boolean_mask as boolean_mask, where as where
from nbtape.ops.measure import (
    broadcast_dynamic_shape as broadcast_dynamic_shape,
    broadcast_static_shape as broadcast_static_shape,
    ensure_shape as ensure_shape,
    rank as rank,
    shape as shape,
    shape_n as shape_n,
    size as size,
)
from nbtape.ops.norm import norm as norm
from nbtape.ops.partition import dynamic_partition as dynamic_partition, dynamic_stitch as dynamic_stitch
from nbtape.ops.reduce import (
    reduce_all as reduce_all,
    reduce_any as reduce_any,
    reduce_logsumexp as reduce_logsumexp,
    reduce_max as reduce_max,
    reduce_mean as reduce_mean,
    reduce_min as reduce_min,
    reduce_prod as reduce_prod,
    reduce_sum as reduce_sum,
)
from nbtape.ops.scan import cumsum as cumsum
from nbtape.ops.scatter import (
    scatter_nd as scatter_nd,
    tensor_scatter_nd_add as tensor_scatter_nd_add,
    tensor_scatter_nd_max as tensor_scatter_nd_max,
    tensor_scatter_nd_min as tensor_scatter_nd_min,
    tensor_scatter_nd_sub as tensor_scatter_nd_sub,
    tensor_scatter_nd_update as tensor_scatter_nd_update,
)
from nbtape.ops.sequence import (
    linspace as linspace,
    meshgrid as meshgrid,
    one_hot as one_hot,
    range as range,
    sequence_mask as sequence_mask,
)
from nbtape.ops.shape import (
    broadcast_to as broadcast_to,
    expand_dims as expand_dims,
    reshape as reshape,
    squeeze as squeeze,
    transpose as transpose,
)
from nbtape.ops.sort import argmax as argmax, argmin as argmin, argsort as argsort, sort as sort
from nbtape.ops.spectral import eig as eig, eigvals as eigvals
from nbtape.ops.static import is_tensor as is_tensor
from nbtape.ops.string_format import as_string as as_string
from nbtape.ops.subscript import newaxis as newaxis
from nbtape.ops.tensor_array import TensorArray as TensorArray
from nbtape.ops.tile import repeat as repeat, tile as tile
from nbtape.program.function import function as function
from nbtape.state.creators import variable_creator_scope as variable_creator_scope
from nbtape.state.initializers import (
    constant_initializer as constant_initializer,
    ones_initializer as ones_initializer,
    random_normal_initializer as random_normal_initializer,
    random_uniform_initializer as random_uniform_initializer,
    zeros_initializer as zeros_initializer,
)
from nbtape.state.module import Module as Module
from nbtape.state.scopes.scope import name_scope as name_scope
from nbtape.state.variable import (
    Variable as Variable,
    VariableAggregation as VariableAggregation,
    VariableSynchronization as VariableSynchronization,
)
from nbtape.train.reset import reset as reset

__version__ = "0.1.0"
from nbtape.graph.symbolic import is_symbolic_tensor as is_symbolic_tensor
from nbtape.graph.v1.placeholders import tuple_ as tuple
from nbtape.ops.blocks import (
    batch_to_space as batch_to_space,
    required_space_to_batch_paddings as required_space_to_batch_paddings,
    space_to_batch as space_to_batch,
    space_to_batch as space_to_batch_nd,
)
from nbtape.ops.debugging import (
    assert_equal as assert_equal,
    assert_greater as assert_greater,
    assert_less as assert_less,
    assert_rank as assert_rank,
)
from nbtape.state.scopes.scope import get_current_name_scope as get_current_name_scope
