"""AReLU (Chen, Li, Xu, 2020): MNIST, transfer, CIFAR and segmentation, one file per table or figure."""

PAPER = "Chen, Li, Xu (2020): AReLU: Attention-based Rectified Linear Unit"
DRAWINGS = "Figure 6, a drawing of the network, has no entry."
