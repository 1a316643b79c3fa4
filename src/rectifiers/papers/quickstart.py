"""Eight functions on scikit-learn's digits: a first look, without downloads."""

from __future__ import annotations

from ..experiments.experiment import Arm, Experiment, Preset

experiment = Experiment(
    name="quickstart",
    title="Eight functions on 8×8 digits",
    settings={
        "dataset": "digits",
        "network": "digits-conv",
        "optimizer": "sgd",
        "lr": 0.02,
        "momentum": 0.9,
        "batch_size": 32,
        "epochs": 3,
        "validation": 0.1,
        "trace_points": 5,
    },
    rows=(
        Arm("ReLU", {"activation": "relu"}),
        Arm("PReLU", {"activation": "prelu"}),
        Arm("ELU", {"activation": "elu"}),
        Arm("GELU", {"activation": "gelu"}),
        Arm("AdaReLU", {"activation": "adarelu"}),
        Arm("AReLU", {"activation": "arelu"}),
        Arm("CReLU", {"activation": "crelu"}),
        Arm("PVLU", {"activation": "pvlu"}),
    ),
    columns=(Arm("digits", {}),),
    presets={
        "smoke": Preset(
            note="Two epochs of 256 images and three functions: does it run at all?",
            settings={"epochs": 2, "train_size": 256},
            seeds=2,
            rows=("ReLU", "AReLU", "CReLU"),
        ),
        "pocket": Preset(
            note="All eight functions, five seeds, three epochs: how soon each learns, which is where they differ "
            "most; that was chosen with test accuracies of earlier runs in view. CReLU doubles the channels that the "
            "next layer reads, so its network is larger.",
        ),
    },
    figures=("curves", "shapes", "traces"),
)
