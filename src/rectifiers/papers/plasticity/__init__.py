"""Which functions keep a network learning: small experiments on data that change; from no single paper.

The protocols in full are those of Dohare et al. (Nature, 2024) and of Kumar, Marklund and Van Roy (2023).
"""

PAPER = "Ours: which functions keep a network learning, on data that change"
DRAWINGS = ""
