"""What a function needs for its derivative, and whether the model writes over it: then a copy is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ...activations import registry
from ...kernels.elementwise import ElementwiseFormula
from ...kernels.formulas import VARIANTS
from ...watching.sites import Site
from ..edits.recipe import Recipe


def keep_what_is_saved(recipe: Recipe, site: Site) -> Recipe:
    """Return the recipe with the copies that it needs, because the model writes over what it saves.

    Args:
        recipe: what to put in.
        site: where.
    """
    # What writes its result back works on copies already.
    if recipe.write_back or not (site.input_overwritten or site.output_overwritten):
        return recipe
    saved = find_saved(recipe, site.shape)
    needs_output = saved.same or (site.output_overwritten and saved.output)
    return replace(
        recipe,
        keep_input=site.input_overwritten and saved.input,
        # A cap makes another tensor of the output.
        keep_output=needs_output and recipe.cap is None,
    )


@dataclass(frozen=True)
class Saved:
    """What a function may save for its derivative.

    Args:
        input: whether it may save its input.
        output: whether it may save its output.
        same: whether it returns its input itself.
    """

    input: bool = True
    output: bool = True
    same: bool = False


def find_saved(recipe: Recipe, shape: tuple[int, ...]) -> Saved:
    """Find out what a function may save for its derivative.

    Args:
        recipe: says which function.
        shape: shape of its input.
    """
    formulas = _formulas(recipe)
    if formulas:
        # What may save its output saves its input instead for some parameters, and in half precision.
        return Saved(output=any(formula.saves != "input" for formula in formulas))
    try:
        return _observe_saved(recipe, shape)
    except Exception:
        # A function that does not run on noise may save anything.
        return Saved()


def _formulas(recipe: Recipe) -> list[ElementwiseFormula]:
    if not isinstance(recipe.activation, str):
        return []
    name = registry.get(recipe.activation).spec.formula
    return [formula for formula in VARIANTS.get(name or "", ()) if isinstance(formula, ElementwiseFormula)]


def _observe_saved(recipe: Recipe, shape: tuple[int, ...]) -> Saved:
    """Apply the function to noise, and see what PyTorch saves."""
    saved: set[int] = set()

    def note(tensor: Tensor) -> Tensor:
        saved.add(tensor.untyped_storage().data_ptr())
        return tensor

    with torch.random.fork_rng(devices=()), torch.inference_mode(False), torch.enable_grad():
        x = torch.randn(shape).requires_grad_()
        module = replace(recipe, dtype="float32", cap=None).build(nn.Identity()).to("cpu").train()
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            y = module(x)
    given, made = x.untyped_storage().data_ptr(), y.untyped_storage().data_ptr()
    return Saved(given in saved, made in saved, given == made)
