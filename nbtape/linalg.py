"""Linear algebra: `tf.linalg`."""

from nbtape.ops.clip import global_norm as global_norm
from nbtape.ops.create import eye as eye
from nbtape.ops.det import det as det, logdet as logdet, slogdet as slogdet
from nbtape.ops.diag import (
    band_part as band_part,
    diag as diag,
    diag_part as diag_part,
    set_diag as set_diag,
    tensor_diag as tensor_diag,
    tensor_diag_part as tensor_diag_part,
    trace as trace,
)
from nbtape.ops.einsum import einsum as einsum, tensordot as tensordot
from nbtape.ops.factor import cholesky as cholesky, lu as lu, qr as qr
from nbtape.ops.linalg import (
    adjoint as adjoint,
    cross as cross,
    matmul as matmul,
    matrix_transpose as matrix_transpose,
    matvec as matvec,
)
from nbtape.ops.lstsq import lstsq as lstsq, matrix_rank as matrix_rank, pinv as pinv
from nbtape.ops.matfunc import expm as expm, logm as logm, sqrtm as sqrtm
from nbtape.ops.norm import l2_normalize as l2_normalize, norm as norm, normalize as normalize
from nbtape.ops.solve import (
    cholesky_solve as cholesky_solve,
    inv as inv,
    lu_matrix_inverse as lu_matrix_inverse,
    lu_reconstruct as lu_reconstruct,
    lu_solve as lu_solve,
    solve as solve,
    triangular_solve as triangular_solve,
)
from nbtape.ops.spectral import eig as eig, eigh as eigh, eigvals as eigvals, eigvalsh as eigvalsh, svd as svd
