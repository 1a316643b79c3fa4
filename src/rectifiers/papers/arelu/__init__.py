"""AReLU (Chen, Li, Xu, 2020): 19 functions on MNIST, one file per table or figure."""

PAPER = "Chen, Li, Xu (2020): AReLU: Attention-based Rectified Linear Unit"
