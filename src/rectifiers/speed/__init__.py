"""What the functions cost beside `nn.ReLU`: time, bytes kept for the derivative, and peak memory of a training step."""
