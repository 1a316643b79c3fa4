"""What a model calls, where and with what: the room that surgery, the analyses and the networks look through.

One engine of hooks and function modes, `watcher.py`, follows a model while it runs. On it stand the trace of a forward
pass, the calls of activations at their sites, told to a listener, and the list of all calls. `feeding.py` and
`example.py` say how a model is called, `kinds.py` what an activation is, `names.py` what a call is called.
"""

from .sites import Site
from .survey import Survey, find_sites, survey_model

__all__ = ["Site", "Survey", "find_sites", "survey_model"]
