"""Every rectifier as a plain function: `from rectifiers import functional as R; R.arelu(x, alpha, beta)`.

Inputs are finite: at ±∞ many of the formulas are undefined, as 0·sin(∞) is.
"""

from .activations.adarelu import adarelu
from .activations.apl import apl
from .activations.arelu import arelu
from .activations.avr import avr
from .activations.celu import celu
from .activations.comb import comb, comb_arelu
from .activations.convrelu import conv_relu1d, conv_relu2d, conv_relu3d
from .activations.crelu import crelu
from .activations.elsa import elsa
from .activations.elu import elu
from .activations.fatrelu import fatrelu
from .activations.gelu import gelu
from .activations.leaky_relu import leaky_relu
from .activations.maxout import maxout
from .activations.pau import pau
from .activations.poly_norm import poly_norm
from .activations.poly_relu import poly_relu
from .activations.prelu import prelu
from .activations.pvlu import pvlu
from .activations.relu import relu
from .activations.relu6 import relu6
from .activations.relu_squared import relu_squared
from .activations.rrelu import rrelu
from .activations.selu import selu
from .activations.sigmoid import sigmoid
from .activations.sinerelu import sinerelu
from .activations.slaf import slaf
from .activations.softplus import softplus
from .activations.swish import swish
from .activations.tanh import tanh
from .activations.vlu import vlu
from .activations.xielu import xielu

__all__ = [
    "adarelu",
    "apl",
    "arelu",
    "avr",
    "celu",
    "comb",
    "comb_arelu",
    "conv_relu1d",
    "conv_relu2d",
    "conv_relu3d",
    "crelu",
    "elsa",
    "elu",
    "fatrelu",
    "gelu",
    "leaky_relu",
    "maxout",
    "pau",
    "poly_norm",
    "poly_relu",
    "prelu",
    "pvlu",
    "relu",
    "relu6",
    "relu_squared",
    "rrelu",
    "selu",
    "sigmoid",
    "sinerelu",
    "slaf",
    "softplus",
    "swish",
    "tanh",
    "vlu",
    "xielu",
]
