"""What is measured in one phase of data that change."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Phase(BaseModel):
    """What was measured in a phase, at its end, and after the last one; scores in the unit of their measure.

    Args:
        phase: its number, counted from 1.
        step: steps of training done when it began.
        online: mean over its epochs of the score on the training batches, each taken before its step.
        end: score on its test data at its end.
        kept: the same after the last phase; None where training diverged. What `end` has more was forgotten.
        dormant: share of units whose mean size is at most 0.025 of the mean of their site (Sokar et al., 2023).
        dead: share of units whose derivative is 0 on all data looked at.
        effective_rank: of what activations give, mean over the sites (Roy and Vetterli, 2007).
        stable_rank: the same; the sum of the squared singular values over the square of the largest.
        weight_norm: length of all trained parameters together.
        gradient_norm: length of the gradient of the loss on the data looked at.
    """

    model_config = ConfigDict(ser_json_inf_nan="strings")

    phase: int
    step: int
    online: float
    end: float
    kept: float | None = None
    dormant: float
    dead: float
    effective_rank: float
    stable_rank: float
    weight_norm: float
    gradient_norm: float
