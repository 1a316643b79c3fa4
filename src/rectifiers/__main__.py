"""`python -m rectifiers` is the command line."""

from __future__ import annotations

from .cli import main

# Worker processes import this module under another name.
if __name__ == "__main__":
    main()
