"""A comparison of activations in the user's own model: trials of it, and how many of them are worth making."""
