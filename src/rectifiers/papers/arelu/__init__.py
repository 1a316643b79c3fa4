"""AReLU (Chen, Li, Xu, 2020)."""
