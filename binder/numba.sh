# The image is built on one machine and runs on others. Numba files its cached kernels under the processor's name and
# features, so both steps name the same plain processor and the same folder; either one missing here and the first cell
# would compile everything again.
export NUMBA_CPU_NAME=generic
export NUMBA_CPU_FEATURES=""
export NUMBA_CACHE_DIR="${HOME}/.cache/nbtape/numba"
mkdir -p "${NUMBA_CACHE_DIR}"
