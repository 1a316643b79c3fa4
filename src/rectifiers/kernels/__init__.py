"""How a formula runs: one declaration per formula, and the providers that have code for it.

A formula's reference is composite PyTorch: it serves any device, dtype, order of derivative, transform and exporter,
and is what every kernel is checked against. The kernels, C++ in `cpu` and Triton in `triton`, run the same formulas in
one pass over memory, forward and backward.

A new formula: its declaration in a file here and a line in `formulas.py`; a header in `cpu` and its lines in
`cpu/formulas.def`; a file in `triton` and a line in `triton/operators.py`. A new provider: a `Provider` that registers
itself, and an import below.
"""

from . import library as library
from . import reference as reference
from .dispatch import using as using
from .formulas import status as status
from .triton import loading as loading

__all__ = ["status", "using"]
