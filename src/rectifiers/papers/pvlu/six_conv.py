"""The paper's protocol for training from scratch: six convolutions on CIFAR-100, with and without augmentation."""

from __future__ import annotations

from typing import Any

from ...experiments.experiment import Arm, Lead, Preset

SETTINGS: dict[str, Any] = {
    "dataset": "cifar100",
    "network": "six-conv",
    "optimizer": "rmsprop",
    "lr": 1e-4,
    # As Keras has them; PyTorch's are 0.99 and 1e-8.
    "rho": 0.9,
    "eps": 1e-7,
    "batch_size": 64,
    "epochs": 100,
    "lr_decay": 1e-6,
    "normalise": "unit",
}

RELU = Arm("ReLU", {"activation": "relu"})
LEAKY = Arm("Leaky", {"activation": "leaky_relu", "activation_args": {"negative_slope": 0.3}})
ELU = Arm("ELU", {"activation": "elu"})
PRELU = Arm("PReLU", {"activation": "prelu", "activation_args": {"share": "element", "a": 0.0}})
PVLU = Arm("PVLU (ours)", {"activation": "pvlu", "activation_args": {"alpha": 0.25, "beta": 1.0}})

MEAN = Arm("Mean", {})

DECREASE = Lead("Rel. Error Dec.", PVLU.label, (RELU.label,), relative=True)
"""The paper's measure: by how many percent of ReLU's error PVLU's is smaller."""

SMOKE = Preset(
    note="64 digits and a sixteenth of the filters: does it run at all?",
    settings={
        "dataset": "digits-32",
        "network_args": {"width": 0.0625},
        "epochs": 2,
        "train_size": 64,
        "batch_size": 32,
    },
    seeds=1,
)
POCKET = Preset(
    note="10,000 images of CIFAR-10 instead of CIFAR-100, 8 epochs and an eighth of the filters, three seeds: shows in "
    "minutes what differs by more than the noise.",
    settings={
        "dataset": "cifar10",
        "train_size": 10_000,
        "network_args": {"width": 0.125},
        "lr": 5e-4,
        "epochs": 8,
    },
    seeds=3,
)

FIVE = {
    "smoke": SMOKE,
    "pocket": POCKET,
    "paper": Preset(note="100 epochs of all images, five seeds.", comparable=True),
}
THREE = {
    "smoke": SMOKE,
    "pocket": POCKET,
    "paper": Preset(note="100 epochs of all images, three seeds.", seeds=3, comparable=True),
}

PROTOCOL = (
    "The paper adapts a network whose source is missing from our copy of the paper, and says that it has six "
    "convolutions, max-pooling, dropout and dense layers. Ours is the Keras network of that kind with 128, 256 and "
    "512 filters and 6,777,060 parameters.",
    "The paper does not state optimizer and schedule; ours are that network's: RMSprop at 1e-4 with Keras's "
    "ρ = 0.9 and ε = 1e-7, batches of 64, pixels divided by 255, and its decay of the learning rate by 1e-6 per step. "
    "The paper's curves go to about 100 epochs.",
    "The values of α and β from which PVLU starts are missing from our copy of the paper; ours are 0.25 and 1. The "
    "other candidates for α are 0.5 and 1.",
    "LeakyReLU and PReLU are those of Keras: a slope of 0.3, and one slope per element that starts at 0.",
    "A run is reported by the epoch that is best on the test data, because the paper gives peak test accuracies. That "
    "is optimistic.",
    "The paper's seeds are those of TensorFlow's random numbers; ours count from 0, and give others.",
)

AUGMENT: dict[str, Any] = {"augment": ("shift:0.1", "flip")}

AUGMENTATION = ("The paper does not say how it augments; ours shifts by up to a tenth of the side and flips.",)

ELU_UNPRINTED = (
    "The paper says that it compares with ELU too, but prints no numbers for it; ours has α = 1, as in Keras."
)

RELU_DIES = "ReLU's printed mean and standard error leave out the seeds with which it died; ours include every run."

BEST_RUN = "The paper draws the best run of each function; ours draws the mean over all runs."
