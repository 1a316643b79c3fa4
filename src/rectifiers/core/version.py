"""The version of this release, which the build reads from here too."""

__version__ = "1.0.0rc1"
