"""math.special"""

from nbtape.ops.special import bessel_i0 as bessel_i0
from nbtape.ops.special import bessel_i0e as bessel_i0e
from nbtape.ops.special import bessel_i1 as bessel_i1
from nbtape.ops.special import bessel_i1e as bessel_i1e
from nbtape.ops.special import bessel_j0 as bessel_j0
from nbtape.ops.special import bessel_j1 as bessel_j1
from nbtape.ops.special import bessel_k0 as bessel_k0
from nbtape.ops.special import bessel_k0e as bessel_k0e
from nbtape.ops.special import bessel_k1 as bessel_k1
from nbtape.ops.special import bessel_k1e as bessel_k1e
from nbtape.ops.special import bessel_y0 as bessel_y0
from nbtape.ops.special import bessel_y1 as bessel_y1
from nbtape.ops.special import dawsn as dawsn
from nbtape.ops.special import erfcx as erfcx
from nbtape.ops.special import expint as expint
from nbtape.ops.special import fresnel_cos as fresnel_cos
from nbtape.ops.special import fresnel_sin as fresnel_sin
from nbtape.ops.special import spence as spence
