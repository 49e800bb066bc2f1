"""Passes: what is done to a program before it is compiled, one small rewrite after another."""

from nbtape.graph.passes.optimise import optimise as optimise
from nbtape.graph.passes.specialise import specialise as specialise
