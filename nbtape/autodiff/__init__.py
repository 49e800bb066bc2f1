"""Derivatives: reverse mode over lists of Nodes, tapes, forward mode, custom rules, checks; also `tf.autodiff`."""

from nbtape.autodiff.check import check_grads as check_grads
from nbtape.autodiff.derivatives import hessian as hessian
from nbtape.autodiff.derivatives import hvp as hvp
from nbtape.autodiff.derivatives import jvp as jvp
from nbtape.autodiff.derivatives import vjp as vjp
from nbtape.autodiff.forward import ForwardAccumulator as ForwardAccumulator
from nbtape.autodiff.tape import GradientTape as GradientTape
