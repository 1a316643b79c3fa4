"""Fine-tuning activations alone: how far a few hundred numbers take a frozen network; from no single paper."""

PAPER = "Ours: activations alone as parameter-efficient fine-tuning"
DRAWINGS = ""
