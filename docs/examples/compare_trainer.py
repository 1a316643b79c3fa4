"""Activations compared in a Hugging Face `Trainer`: a small ViT on scikit-learn's digits, in two minutes on two cores.

Run it with `python compare_trainer.py`; it needs `pip install "rectifiers[lab]" transformers accelerate`.
"""

import sys
import tempfile

import torch
from sklearn.datasets import load_digits
from transformers import Trainer, TrainingArguments, ViTConfig, ViTForImageClassification

import rectifiers
from rectifiers.lab.frameworks import from_trainer

DIGITS = load_digits()
ROWS = [
    {"pixel_values": torch.tensor(image, dtype=torch.float32)[None] / 16, "labels": int(label)}
    for image, label in zip(DIGITS.images, DIGITS.target, strict=True)
]


def make_model():
    config = ViTConfig(
        image_size=8,
        patch_size=2,
        num_channels=1,
        num_labels=10,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        hidden_act="relu",
    )
    return ViTForImageClassification(config)


def accuracy(prediction):
    return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}


def make_trainer(model, seed):
    arguments = TrainingArguments(
        tempfile.mkdtemp(),
        num_train_epochs=12,
        per_device_train_batch_size=64,
        per_device_eval_batch_size=256,
        learning_rate=3e-3,
        save_strategy="no",
        report_to=[],
    )
    return Trainer(model, arguments, train_dataset=ROWS[:1000], eval_dataset=ROWS[1000:], compute_metrics=accuracy)


if __name__ == "__main__":
    comparison = rectifiers.compare(
        make_model,
        train=from_trainer(make_trainer),
        metric="accuracy",
        activations=["arelu", "gelu"],
        seeds=int(sys.argv[1]) if len(sys.argv) > 1 else 3,
    )
    print(comparison)
