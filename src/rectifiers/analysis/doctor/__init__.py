"""The doctor: what is wrong with a model's activations on real data, unit by unit, once or during training."""
