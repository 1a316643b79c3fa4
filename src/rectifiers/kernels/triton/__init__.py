"""The formulas on the GPU, in Triton. Only `loading` may be imported where Triton is not installed.

No speed is claimed for them: they were run in Triton's interpreter and compiled ahead of time, never timed on a GPU.
"""
