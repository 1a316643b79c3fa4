"""What a model calls, where and with what: surgery, the analyses and the networks all look at models from here.

`README.md` says which file does what.
"""

from .sites import Site
from .survey import Survey, find_sites, survey_model

__all__ = ["Site", "Survey", "find_sites", "survey_model"]
