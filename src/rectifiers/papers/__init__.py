"""The papers: one package each, one file per table or figure, the published numbers in TOML beside it.

A new experiment is one file that holds an `experiment`, with a docstring whose first line says what it shows, and one
line in `TABLE`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.registry import Registry

if TYPE_CHECKING:
    from ..experiments.experiment import Experiment

TABLE = {
    "arelu/figure1": "arelu.figure1:experiment",
    "arelu/figure2": "arelu.figure2:experiment",
    "arelu/figure3": "arelu.figure3:experiment",
    "arelu/figure4": "arelu.figure4:experiment",
    "arelu/figure5": "arelu.figure5:experiment",
    "arelu/figure7": "arelu.figure7:experiment",
    "arelu/figure8": "arelu.figure8:experiment",
    "arelu/figure9": "arelu.figure9:experiment",
    "arelu/gradients": "arelu.gradients:experiment",
    "arelu/table1": "arelu.table1:experiment",
    "arelu/table2": "arelu.table2:experiment",
    "arelu/table3": "arelu.table3:experiment",
    "arelu/table4": "arelu.table4:experiment",
    "arelu/table5": "arelu.table5:experiment",
    "arelu/table6": "arelu.table6:experiment",
    "arelu/table7": "arelu.table7:experiment",
    "arelu/table8": "arelu.table8:experiment",
    "convrelu/figure5": "convrelu.figure5:experiment",
    "convrelu/figure6": "convrelu.figure6:experiment",
    "convrelu/sparsity": "convrelu.sparsity:experiment",
    "convrelu/table1": "convrelu.table1:experiment",
    "convrelu/table2": "convrelu.table2:experiment",
    "convrelu/table3": "convrelu.table3:experiment",
    "convrelu/table4": "convrelu.table4:experiment",
    "convrelu/table5": "convrelu.table5:experiment",
    "convrelu/table6": "convrelu.table6:experiment",
    "crelu/figure1": "crelu.figure1:experiment",
    "crelu/figure2": "crelu.figure2:experiment",
    "crelu/figure3": "crelu.figure3:experiment",
    "crelu/figure4": "crelu.figure4:experiment",
    "crelu/figure5": "crelu.figure5:experiment",
    "crelu/footnotes": "crelu.footnotes:experiment",
    "crelu/leaky": "crelu.leaky:experiment",
    "crelu/proposition21": "crelu.proposition21:experiment",
    "crelu/table1": "crelu.table1:experiment",
    "crelu/table2": "crelu.table2:experiment",
    "crelu/table3": "crelu.table3:experiment",
    "crelu/table4": "crelu.table4:experiment",
    "crelu/table5": "crelu.table5:experiment",
    "crelu/table6": "crelu.table6:experiment",
    "crelu/theorem41": "crelu.theorem41:experiment",
    "decide/arelu": "decide.arelu:experiment",
    "decide/convrelu": "decide.convrelu:experiment",
    "decide/crelu": "decide.crelu:experiment",
    "decide/pvlu": "decide.pvlu:experiment",
    "peft/blurred": "peft.blurred:experiment",
    "peft/encoder": "peft.encoder:experiment",
    "peft/new-classes": "peft.new_classes:experiment",
    "plasticity/class-incremental": "plasticity.class_incremental:experiment",
    "plasticity/permuted-mnist": "plasticity.permuted_mnist:experiment",
    "plasticity/random-labels": "plasticity.random_labels:experiment",
    "plasticity/regression": "plasticity.regression:experiment",
    "pvlu/resnet-cifar10": "pvlu.resnet_cifar10:experiment",
    "pvlu/resnet-cifar100": "pvlu.resnet_cifar100:experiment",
    "pvlu/scratch": "pvlu.scratch:experiment",
    "pvlu/scratch-augmented": "pvlu.scratch_augmented:experiment",
    "pvlu/scratch-augmented-curves": "pvlu.scratch_augmented_curves:experiment",
    "pvlu/scratch-curves": "pvlu.scratch_curves:experiment",
    "pvlu/shallow": "pvlu.shallow:experiment",
    "pvlu/vgg": "pvlu.vgg:experiment",
    "pvlu/vgg-blurred": "pvlu.vgg_blurred:experiment",
    "quickstart": "quickstart:experiment",
}

registry: Registry[Experiment] = Registry("experiment", __name__, TABLE)
