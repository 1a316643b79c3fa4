"""What pytest is not to import where the tools it is for are not installed."""

from __future__ import annotations

from importlib.util import find_spec

# The doctests' collection imports every module.
collect_ignore_glob = [] if find_spec("triton") else ["src/rectifiers/kernels/triton/*.py"]
