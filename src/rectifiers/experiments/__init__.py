"""Trials, experiments, the runner, the store and the statistics."""
