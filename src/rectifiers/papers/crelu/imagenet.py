"""What Tables 4 and 5 share: how All-CNN-B was trained on ImageNet."""

from __future__ import annotations

PROTOCOL = (
    "Schedule and details of the network are in a supplement that we do not have. The network is All-CNN-B of "
    "Springenberg et al. (2014) for ImageNet; learning rate 0.01 with steps by 0.1 at epochs 30 and 60 of 90, "
    "momentum 0.9, weight decay 5e-4 and batches of 128 are our choice.",
    "Images are augmented as by Krizhevsky et al. (2012), as the paper says: random crops of 224×224 from images of "
    "256 on the shorter side, and flips.",
    "CReLU (conv1–4), (conv1–7) and (conv1–9) keep the number of filters; CReLU (conv1,4,7) and (all) halve it in "
    "front of CReLU, as the paper says.",
    "4.7M parameters for CReLU (all) come out only if the last convolution has 500 filters and CReLU behind it; ours "
    "has.",
    "The paper does not say how many trainings a number stands for; ours is one.",
)
