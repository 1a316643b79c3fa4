"""What pytest is not to import where the tools it is for are not installed."""

from __future__ import annotations

from importlib.util import find_spec

# The doctests' collection imports every module.
_NEEDS = {
    "triton": "src/rectifiers/kernels/triton/*.py",
    "transformers": "src/rectifiers/hf.py",
    "timm": "src/rectifiers/timm.py",
}
collect_ignore_glob = [pattern for package, pattern in _NEEDS.items() if not find_spec(package)]
