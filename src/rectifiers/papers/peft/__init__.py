"""Activations as fine-tuning: how far a frozen network comes with a few hundred numbers, and which; of no one paper."""

PAPER = "Ours: activations alone as parameter-efficient fine-tuning"
DRAWINGS = ""
