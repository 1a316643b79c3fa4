"""Experiments of ours with the power to decide what the papers claim, and with the control arms that they lack."""

PAPER = "Ours: the papers' central claims, with control arms and the power to decide"
DRAWINGS = ""
