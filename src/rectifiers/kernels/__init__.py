"""How a formula runs, one stem per formula.

Each stem's `reference` is composite PyTorch: it serves any device, dtype, order of derivative, transform and
exporter, and is the oracle for every faster way.
"""
