"""PVLU (Gupta, Ahuja, 2021): on CIFAR from scratch, fine-tuned and under blur, one file per table or figure.

Our copy of the paper numbers neither tables nor figures, so the files are named after what they show.
"""

PAPER = "Gupta, Ahuja (2021): Parametric Variational Linear Units (PVLUs) in Deep Convolutional Networks"
DRAWINGS = (
    "The other figures, drawings of the functions and an image before and after the Gaussian filter, have no entries."
)
