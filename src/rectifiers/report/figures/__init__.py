"""Figures of results and of functions.

Each file draws one kind of figure and returns a `matplotlib.figure.Figure`; `svg` and `png` turn it into what is kept.
"""

from __future__ import annotations

from .accuracy import accuracy_figure
from .by_layer import by_layer_figure
from .canvas import pdf, png, standalone, svg
from .correlation import correlation_figure
from .costs import costs_figure
from .curves import curves_figure, losses_figure
from .feature_maps import feature_maps_figure
from .function import function_figure, plot_function
from .gallery import gallery_figure, plot_gallery
from .grad_cam import grad_cam_figure
from .health import health_figure
from .history import history_figure
from .invariance import invariance_figure
from .pairing import filters_figure, pairing_figure
from .parameters import parameters_figure
from .preactivations import preactivations_figure
from .reconstruction import reconstruction_figure
from .segmentation import segmentation_figure
from .shapes import shapes_figure
from .similarity import similarity_figure
from .style import Style, styles
from .traces import traces_figure

__all__ = [
    "Style",
    "accuracy_figure",
    "by_layer_figure",
    "correlation_figure",
    "costs_figure",
    "curves_figure",
    "feature_maps_figure",
    "filters_figure",
    "function_figure",
    "gallery_figure",
    "grad_cam_figure",
    "health_figure",
    "history_figure",
    "invariance_figure",
    "losses_figure",
    "pairing_figure",
    "parameters_figure",
    "pdf",
    "plot_function",
    "plot_gallery",
    "png",
    "preactivations_figure",
    "reconstruction_figure",
    "segmentation_figure",
    "shapes_figure",
    "similarity_figure",
    "standalone",
    "styles",
    "svg",
    "traces_figure",
]
