"""Figures of results and of functions.

Each file draws one kind of figure and returns a `matplotlib.figure.Figure`; `svg` and `png` turn it into what is kept.
"""
