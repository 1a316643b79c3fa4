"""ConvReLU (Gao, Cai, Ji, 2020): thresholds inside convolutions, on images and texts, one file per table or figure."""

PAPER = "Gao, Cai, Ji (2020): Adaptive Convolutional ReLUs"
DRAWINGS = "Figures 1 to 4, drawings of the functions, of shared thresholds and of the network, have no entries."
