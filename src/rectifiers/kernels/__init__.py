"""How a formula runs, one stem per formula.

Each stem's `reference` is composite PyTorch: it serves any device, dtype, order of derivative, transform and
exporter, and is the oracle for every faster way. The C++ in `cpu` runs the same formulas in one pass over memory,
forward and backward.
"""

from .dispatch import status as status
from .dispatch import using as using

__all__ = ["status", "using"]
