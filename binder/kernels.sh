# The image is built on one machine and runs on others. Kernels are kept under the processor's name and features, by Numba
# and by nbtape alike, so both steps name the same plain processor and the same folders; anything missing here and the
# first cells would compile everything again.
export NUMBA_CPU_NAME=generic
export NUMBA_CPU_FEATURES=""
export NBTAPE_CACHE_DIR="${HOME}/.cache/nbtape"
export NUMBA_CACHE_DIR="${NBTAPE_CACHE_DIR}/numba"
mkdir -p -m 700 "${NBTAPE_CACHE_DIR}" # what others can write to is not run
