"""Kernels for the CPU: plain functions of numpy arrays over Numba loops.

Arrays are positional, attributes keyword-only and hashable, and the caller has checked them: a kernel
trusts its arguments. float16 and bfloat16 are computed in float32.
"""
