"""The doctor: how a model's activations fare on real data, unit by unit, once or while it trains."""
