"""Every rectifier as a plain function: `from rectifiers import functional as R; R.arelu(x, alpha, beta)`."""

from .activations.arelu import arelu as arelu
from .activations.elsa import elsa as elsa

__all__ = ["arelu", "elsa"]
