"""The paper's protocol for texts: characters, six convolutions and three linear layers."""

from __future__ import annotations

from typing import Any

from ...experiments.experiment import Arm
from .functions import functions

SETTINGS: dict[str, Any] = {
    "network": "char-cnn",
    "optimizer": "sgd",
    "lr": 0.1,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "activation_weight_decay": 5e-4,
    "batch_size": 128,
    "epochs": 350,
    "milestones": (150, 250),
}

FUNCTIONS = functions(
    {"activation": "convrelu1d"}, first="conv1, conv2", everywhere="conv1, conv2, conv3, conv4, conv5"
)

COLUMNS = (
    Arm("MR", {"dataset": "mr"}),
    Arm("AG", {"dataset": "ag-news"}),
    Arm("Yelp", {"dataset": "yelp-full"}),
)

PROTOCOL = (
    "The network, its alphabet of 70 characters, the length of 1014 and the initialisation of its weights come from "
    "the paper that this one refers to, Zhang, Zhao and LeCun (2015): it is their smaller character network.",
    "ConvReLU replaces the ReLUs of the first two convolutions. Maximum and ReLU commute, so ReLU moves after the "
    "pooling, and the thresholds go into the second and third convolution: 2,560 of them.",
    "The schedule is the one that the paper states for all tasks: a learning rate of 0.1 with steps at epochs 150 and "
    "250, and batches of 128. Number of epochs, momentum and weight decay are our choice, as for images.",
    "The paper chose its settings on Cifar10 and AG's News, which are among the data on which it reports results.",
    "MR has no fixed split into training and test data, and the paper names none; ten folds are customary. Ours tests "
    "on a fixed tenth.",
    "The paper calls its numbers for the functions it compares with the best known without unsupervised learning; it "
    "is not clear whether it trained them itself.",
)
