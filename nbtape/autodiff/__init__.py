"""Derivatives: one backward pass, tapes, forward mode, custom rules, checks; also `tf.autodiff`."""

from nbtape.autodiff.check import check_grads as check_grads
from nbtape.autodiff.derivatives import hessian as hessian, hvp as hvp, jvp as jvp, vjp as vjp
from nbtape.autodiff.forward import ForwardAccumulator as ForwardAccumulator
from nbtape.autodiff.tape import GradientTape as GradientTape
