"""Triton's kernels on a GPU: whether they are right there and what they cost, by a command that nobody watches."""
