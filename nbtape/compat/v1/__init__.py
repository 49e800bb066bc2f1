"""TensorFlow 1's names: `import nbtape.compat.v1 as tf`."""

from nbtape import (
    autograph as autograph,
    bitwise as bitwise,
    config as config,
    debugging as debugging,
    dtypes as dtypes,
    errors as errors,
    keras as keras,
    linalg as linalg,
    nest as nest,
    random as random,
    strings as strings,
    test as test,
)
from nbtape.autodiff.custom import (
    custom_gradient as custom_gradient,
    grad_pass_through as grad_pass_through,
    recompute_grad as recompute_grad,
    stop_gradient as stop_gradient,
)
from nbtape.autodiff.tape import (
    GradientTape as GradientTape,
    UnconnectedGradients as UnconnectedGradients,
)
from nbtape.compat.v1 import (
    data as data,
    initializers as initializers,
    layers as layers,
    logging as logging,
    losses as losses,
    math as math,
    nn as nn,
    summary as summary,
    train as train,
)
from nbtape.core.dimension import Dimension as Dimension, dimension_value as dimension_value
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
from nbtape.core.engine import (
    Tensor as Tensor,
)
from nbtape.core.errors import OpError as OpError
from nbtape.core.log import get_logger as get_logger
from nbtape.core.shape import (
    TensorShape as TensorShape,
    TensorSpec as TensorSpec,
)
from nbtape.core.shape_v1 import (
    dimension_at_index as dimension_at_index,
    disable_v2_tensorshape as disable_v2_tensorshape,
    enable_v2_tensorshape as enable_v2_tensorshape,
)
from nbtape.core.slices import (
    IndexedSlices as IndexedSlices,
)
from nbtape.graph.batch import (
    vectorized_map as vectorized_map,
)
from nbtape.graph.control import (
    case as case,
    cond as cond,
    switch_case as switch_case,
    while_loop as while_loop,
)
from nbtape.graph.effects import (
    Assert as Assert,
    Print as Print,
    control_dependencies as control_dependencies,
    group as group,
    no_op as no_op,
    print as print,
)
from nbtape.graph.functional import (
    foldl as foldl,
    foldr as foldr,
    map_fn as map_fn,
    scan as scan,
)
from nbtape.graph.graph import Graph as Graph
from nbtape.graph.python import (
    numpy_function as numpy_function,
    numpy_function as py_func,
    py_function as py_function,
)
from nbtape.graph.symbolic import (
    Operation as Operation,
    is_symbolic_tensor as is_symbolic_tensor,
)
from nbtape.graph.v1.checks import add_check_numerics_ops as add_check_numerics_ops
from nbtape.graph.v1.default import (
    container as container,
    disable_eager_execution as disable_eager_execution,
    enable_eager_execution as enable_eager_execution,
    executing_eagerly_outside_functions as executing_eagerly_outside_functions,
    get_default_graph as get_default_graph,
    reset_default_graph as reset_default_graph,
)
from nbtape.graph.v1.device import colocate_with as colocate_with, device as device
from nbtape.graph.v1.device_spec import MutableDeviceSpec as DeviceSpec
from nbtape.graph.v1.gradients import (
    gradients as gradients,
    hessians as hessians,
)
from nbtape.graph.v1.modes import (
    control_flow_v2_enabled as control_flow_v2_enabled,
    disable_control_flow_v2 as disable_control_flow_v2,
    disable_resource_variables as disable_resource_variables,
    disable_v2_behavior as disable_v2_behavior,
    enable_control_flow_v2 as enable_control_flow_v2,
    enable_resource_variables as enable_resource_variables,
    enable_v2_behavior as enable_v2_behavior,
    resource_variables_enabled as resource_variables_enabled,
)
from nbtape.graph.v1.overrides import (
    RegisterGradient as RegisterGradient,
    no_gradient as NoGradient,
    no_gradient as NotDifferentiable,
    no_gradient as no_gradient,
)
from nbtape.graph.v1.placeholders import (
    placeholder as placeholder,
    placeholder_with_default as placeholder_with_default,
    tuple_ as tuple,
)
from nbtape.graph.v1.protos import (
    AttrValue as AttrValue,
    Event as Event,
    GraphDef as GraphDef,
    HistogramProto as HistogramProto,
    NodeDef as NodeDef,
    RunMetadata as RunMetadata,
    SessionLog as SessionLog,
    Summary as Summary,
    SummaryMetadata as SummaryMetadata,
)
from nbtape.graph.v1.setting import (
    executing_eagerly as executing_eagerly,
    init_scope as init_scope,
    inside_function as inside_function,
)
from nbtape.ops.arithmetic import (
    accumulate_n as accumulate_n,
    add_n as add_n,
    angle as angle,
    atan2 as atan2,
    cast as cast,
    complex as complex,
    conj as conj,
    divide as divide,
    divide_no_nan as div_no_nan,
    imag as imag,
    logical_and as logical_and,
    logical_not as logical_not,
    logical_or as logical_or,
    logical_xor as logical_xor,
    real as real,
    saturate_cast as saturate_cast,
    scalar_mul as scalar_mul,
    truediv as truediv,
)
from nbtape.ops.blocks import (
    batch_to_space as batch_to_space_nd,
    required_space_to_batch_paddings as required_space_to_batch_paddings,
    space_to_batch as space_to_batch_nd,
)
from nbtape.ops.clip import (
    clip_by_average_norm as clip_by_average_norm,
    clip_by_global_norm as clip_by_global_norm,
    clip_by_norm as clip_by_norm,
    clip_by_value as clip_by_value,
    global_norm as global_norm,
)
from nbtape.ops.count import (
    bincount as bincount,
    confusion_matrix as confusion_matrix,
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
    zeros as zeros,
)
from nbtape.ops.cut import (
    slice as slice,
    strided_slice as strided_slice,
)
from nbtape.ops.debugging import (
    assert_equal as assert_equal,
    assert_greater as assert_greater,
    assert_greater_equal as assert_greater_equal,
    assert_integer as assert_integer,
    assert_less as assert_less,
    assert_less_equal as assert_less_equal,
    assert_near as assert_near,
    assert_negative as assert_negative,
    assert_non_negative as assert_non_negative,
    assert_non_positive as assert_non_positive,
    assert_none_equal as assert_none_equal,
    assert_positive as assert_positive,
    assert_proper_iterable as assert_proper_iterable,
    assert_rank as assert_rank,
    assert_rank_at_least as assert_rank_at_least,
    assert_rank_in as assert_rank_in,
    assert_same_float_dtype as assert_same_float_dtype,
    assert_scalar as assert_scalar,
    assert_type as assert_type,
    check_numerics as check_numerics,
    is_numeric_tensor as is_numeric_tensor,
)
from nbtape.ops.det import (
    det as matrix_determinant,
)
from nbtape.ops.diag import (
    band_part as matrix_band_part,
    diag as matrix_diag,
    diag_part as matrix_diag_part,
    set_diag as matrix_set_diag,
    tensor_diag as diag,
    tensor_diag_part as diag_part,
    trace as trace,
)
from nbtape.ops.einsum import (
    einsum as einsum,
    tensordot as tensordot,
)
from nbtape.ops.factor import (
    cholesky as cholesky,
    qr as qr,
)
from nbtape.ops.functions import (
    abs as abs,
    acos as acos,
    acosh as acosh,
    add as add,
    asin as asin,
    asinh as asinh,
    atan as atan,
    atanh as atanh,
    ceil as ceil,
    cos as cos,
    cosh as cosh,
    equal as equal,
    exp as exp,
    expm1 as expm1,
    floor as floor,
    floordiv as floor_div,
    floordiv as floordiv,
    floormod as floormod,
    floormod as mod,
    greater as greater,
    greater_equal as greater_equal,
    is_finite as is_finite,
    is_inf as is_inf,
    is_nan as is_nan,
    less as less,
    less_equal as less_equal,
    log as log,
    log1p as log1p,
    log_sigmoid as log_sigmoid,
    maximum as maximum,
    minimum as minimum,
    multiply as multiply,
    negative as negative,
    not_equal as not_equal,
    pow as pow,
    realdiv as realdiv,
    reciprocal as reciprocal,
    rint as rint,
    round as round,
    rsqrt as rsqrt,
    sigmoid as sigmoid,
    sign as sign,
    sin as sin,
    sinh as sinh,
    sqrt as sqrt,
    square as square,
    squared_difference as squared_difference,
    subtract as subtract,
    tan as tan,
    tanh as tanh,
    truncatediv as truncatediv,
    truncatemod as truncatemod,
)
from nbtape.ops.index import (
    gather_nd as gather_nd,
    unravel_index as unravel_index,
)
from nbtape.ops.join import (
    concat as concat,
    split as split,
    stack as stack,
    unstack as unstack,
)
from nbtape.ops.layout import (
    bitcast as bitcast,
    depth_to_space as depth_to_space,
    reverse as reverse,
    reverse as reverse_v2,
    reverse_sequence as reverse_sequence,
    roll as roll,
    space_to_depth as space_to_depth,
)
from nbtape.ops.linalg import (
    cross as cross,
    matmul as matmul,
    matrix_transpose as matrix_transpose,
)
from nbtape.ops.lookup import (
    invert_permutation as invert_permutation,
    searchsorted as searchsorted,
    unique as unique,
    unique_with_counts as unique_with_counts,
)
from nbtape.ops.lstsq import lstsq as matrix_solve_ls
from nbtape.ops.mask import (
    boolean_mask as boolean_mask,
    where as where,
    where as where_v2,
)
from nbtape.ops.measure import (
    broadcast_dynamic_shape as broadcast_dynamic_shape,
    broadcast_static_shape as broadcast_static_shape,
    ensure_shape as ensure_shape,
    rank as rank,
    shape_n as shape_n,
)
from nbtape.ops.older import (
    arg_max as arg_max,
    arg_min as arg_min,
    argmax as argmax,
    argmin as argmin,
    batch_gather as batch_gather,
    count_nonzero as count_nonzero,
    div as div,
    expand_dims as expand_dims,
    gather as gather,
    multinomial as multinomial,
    norm as norm,
    ones_like as ones_like,
    pad as pad,
    reduce_all as reduce_all,
    reduce_any as reduce_any,
    reduce_logsumexp as reduce_logsumexp,
    reduce_max as reduce_max,
    reduce_mean as reduce_mean,
    reduce_min as reduce_min,
    reduce_prod as reduce_prod,
    reduce_sum as reduce_sum,
    shape as shape,
    size as size,
    sparse_to_dense as sparse_to_dense,
    squeeze as squeeze,
    to_bfloat16 as to_bfloat16,
    to_complex64 as to_complex64,
    to_complex128 as to_complex128,
    to_double as to_double,
    to_float as to_float,
    to_int32 as to_int32,
    to_int64 as to_int64,
    verify_tensor_all_finite as verify_tensor_all_finite,
    zeros_like as zeros_like,
)
from nbtape.ops.partition import (
    dynamic_partition as dynamic_partition,
    dynamic_stitch as dynamic_stitch,
)
from nbtape.ops.random import (
    gamma as random_gamma,
    normal as random_normal,
    poisson as random_poisson,
    shuffle as random_shuffle,
    truncated_normal as truncated_normal,
    uniform as random_uniform,
)
from nbtape.ops.sampler import (
    set_seed as set_random_seed,
)
from nbtape.ops.scan import (
    cumprod as cumprod,
    cumsum as cumsum,
)
from nbtape.ops.scatter import (
    scatter_nd as scatter_nd,
    tensor_scatter_nd_add as tensor_scatter_add,
    tensor_scatter_nd_add as tensor_scatter_nd_add,
    tensor_scatter_nd_max as tensor_scatter_nd_max,
    tensor_scatter_nd_min as tensor_scatter_nd_min,
    tensor_scatter_nd_sub as tensor_scatter_nd_sub,
    tensor_scatter_nd_sub as tensor_scatter_sub,
    tensor_scatter_nd_update as tensor_scatter_nd_update,
    tensor_scatter_nd_update as tensor_scatter_update,
)
from nbtape.ops.segment import (
    segment_max as segment_max,
    segment_mean as segment_mean,
    segment_min as segment_min,
    segment_prod as segment_prod,
    segment_sum as segment_sum,
    unsorted_segment_max as unsorted_segment_max,
    unsorted_segment_mean as unsorted_segment_mean,
    unsorted_segment_min as unsorted_segment_min,
    unsorted_segment_prod as unsorted_segment_prod,
    unsorted_segment_sqrt_n as unsorted_segment_sqrt_n,
    unsorted_segment_sum as unsorted_segment_sum,
)
from nbtape.ops.sequence import (
    linspace as lin_space,
    linspace as linspace,
    meshgrid as meshgrid,
    one_hot as one_hot,
    range as range,
    sequence_mask as sequence_mask,
)
from nbtape.ops.shape import (
    broadcast_to as broadcast_to,
    reshape as reshape,
    transpose as transpose,
)
from nbtape.ops.solve import (
    cholesky_solve as cholesky_solve,
    inv as matrix_inverse,
    solve as matrix_solve,
    triangular_solve as matrix_triangular_solve,
)
from nbtape.ops.sort import (
    argsort as argsort,
    sort as sort,
)
from nbtape.ops.special import (
    betainc as betainc,
    digamma as digamma,
    erf as erf,
    erfc as erfc,
    igamma as igamma,
    igammac as igammac,
    lbeta as lbeta,
    lgamma as lgamma,
    polygamma as polygamma,
    zeta as zeta,
)
from nbtape.ops.spectral import (
    eig as eig,
    eigh as self_adjoint_eig,
    eigvals as eigvals,
    eigvalsh as self_adjoint_eigvals,
    svd as svd,
)
from nbtape.ops.static import (
    is_tensor as is_tensor,
)
from nbtape.ops.statistics import (
    is_non_decreasing as is_non_decreasing,
    is_strictly_increasing as is_strictly_increasing,
)
from nbtape.ops.string_format import (
    as_string as as_string,
    to_number as string_to_number,
)
from nbtape.ops.strings import (
    join as string_join,
    reduce_join as reduce_join,
    regex_replace as regex_replace,
    strip as string_strip,
    substr as substr,
)
from nbtape.ops.subscript import (
    newaxis as newaxis,
)
from nbtape.ops.tensor_array import (
    TensorArray as TensorArray,
)
from nbtape.ops.tile import (
    repeat as repeat,
    tile as tile,
)
from nbtape.program.function import (
    function as function,
)
from nbtape.program.session import (
    IndexedSlicesValue as IndexedSlicesValue,
    InteractiveSession as InteractiveSession,
    Session as Session,
    get_default_session as get_default_session,
)
from nbtape.program.settings import (
    ConfigProto as ConfigProto,
    GPUOptions as GPUOptions,
    RunOptions as RunOptions,
)
from nbtape.state.creators import variable_creator_scope as variable_creator_scope
from nbtape.state.graph_variable import (
    VariableV1 as Variable,
)
from nbtape.state.initialization import (
    assign as assign,
    assign_add as assign_add,
    assign_sub as assign_sub,
    count_up_to as count_up_to,
    global_variables_initializer as global_variables_initializer,
    global_variables_initializer as initialize_all_variables,
    is_variable_initialized as is_variable_initialized,
    local_variables_initializer as initialize_local_variables,
    local_variables_initializer as local_variables_initializer,
    report_uninitialized_variables as report_uninitialized_variables,
    scatter_add as scatter_add,
    scatter_div as scatter_div,
    scatter_max as scatter_max,
    scatter_min as scatter_min,
    scatter_mul as scatter_mul,
    scatter_nd_add as scatter_nd_add,
    scatter_nd_sub as scatter_nd_sub,
    scatter_nd_update as scatter_nd_update,
    scatter_sub as scatter_sub,
    scatter_update as scatter_update,
    tables_initializer as initialize_all_tables,
    tables_initializer as tables_initializer,
    variables_initializer as initialize_variables,
    variables_initializer as variables_initializer,
)
from nbtape.state.initializers import (
    TruncatedNormal as truncated_normal_initializer,
    constant_initializer as constant_initializer,
    ones_initializer as ones_initializer,
    random_normal_initializer as random_normal_initializer,
    random_uniform_initializer as random_uniform_initializer,
    zeros_initializer as zeros_initializer,
)
from nbtape.state.module import (
    Module as Module,
)
from nbtape.state.scaling import (
    GlorotNormal as glorot_normal_initializer,
    GlorotUniform as glorot_uniform_initializer,
    Orthogonal as orthogonal_initializer,
    VarianceScaling as variance_scaling_initializer,
)
from nbtape.state.scopes.collection import (
    GraphKeys as GraphKeys,
    add_to_collection as add_to_collection,
    add_to_collections as add_to_collections,
    get_collection as get_collection,
    get_collection_ref as get_collection_ref,
    global_variables as all_variables,
    global_variables as global_variables,
    local_variables as local_variables,
    model_variables as model_variables,
    moving_average_variables as moving_average_variables,
    trainable_variables as trainable_variables,
)
from nbtape.state.scopes.opening import (
    make_template as make_template,
    no_regularizer as no_regularizer,
    variable_op_scope as variable_op_scope,
    variable_scope as variable_scope,
)
from nbtape.state.scopes.partition import (
    PartitionedVariable as PartitionedVariable,
    fixed_size_partitioner as fixed_size_partitioner,
    min_max_variable_partitioner as min_max_variable_partitioner,
    variable_axis_size_partitioner as variable_axis_size_partitioner,
)
from nbtape.state.scopes.scope import (
    get_current_name_scope as get_current_name_scope,
    op_scope as name_scope,
    op_scope as op_scope,
)
from nbtape.state.scopes.store import (
    get_local_variable as get_local_variable,
    get_variable as get_variable,
    get_variable_scope as get_variable_scope,
)
from nbtape.state.scopes.variable_scope import (
    AUTO_REUSE as AUTO_REUSE,
    VariableScope as VariableScope,
)
from nbtape.state.variable import (
    VariableAggregation as VariableAggregation,
    VariableSynchronization as VariableSynchronization,
)
