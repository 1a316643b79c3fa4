"""Activations in models that are graphs: the nodes that call functions become nodes that call modules."""

from __future__ import annotations

import copy
from collections.abc import Collection
from typing import Any

from torch import Tensor, fx, nn
from torch.fx.graph_module import _USER_PRESERVED_ATTRIBUTES_KEY

from ...watching import kinds
from ...watching.replaced import CHILD, replaced_calls
from .edit import Undo


def replace_nodes(module: fx.GraphModule, numbers: Collection[int]) -> Undo | None:
    """Let a graph call the activations in the module's child `rectified` instead of functions.

    Args:
        module: the module of the graph; the activations are not in it yet.
        numbers: which calls of activation functions become calls of modules; a graph makes them in the order in which
            it is written, and calls that an earlier swap has replaced keep their numbers.

    Returns:
        What puts the graph back, or None if it does not have all of these calls.
    """
    before = module.graph
    graph = copy.deepcopy(before)
    nodes = [node for node in graph.nodes if _is_activation(node)]
    taken = replaced_calls(module)
    free = (number for number in range(len(nodes) + len(taken._modules)) if taken.at(number) is None)
    numbered = dict(zip(free, nodes, strict=False))
    if not set(numbers) <= numbered.keys():
        return None
    for number in numbers:
        node = numbered[number]
        with graph.inserting_before(node):
            # The child comes later, so that a graph that cannot be changed is left without it.
            call = graph.create_node("call_module", f"{CHILD}.{number}", (kinds.tensor_of(node.args, node.kwargs),))
        node.replace_all_uses_with(call)
        graph.erase_node(node)
    module.graph = graph

    def undo() -> None:
        module.graph = before

    return undo


def number_calls(module: fx.GraphModule, called: nn.Module) -> Undo | None:
    """Let a graph say which call it is where it calls a module that is called several times.

    Args:
        module: the module of the graph.
        called: what it calls, whose calls are numbered in the order in which they are written.

    Returns:
        What puts the graph back, or None if it does not make all of these calls itself.
    """
    before = module.graph
    graph = copy.deepcopy(before)
    nodes = []
    for node in graph.nodes:
        part = module.get_submodule(str(node.target)) if node.op == "call_module" else None
        if part is called:
            nodes.append(node)
        elif part is not None and any(inner is called for inner in part.modules()):
            return None
    for number, node in enumerate(nodes):
        node.kwargs = {**node.kwargs, "call": number}
    module.graph = graph

    def undo() -> None:
        module.graph = before

    return undo


def keep_in_copies(model: nn.Module, name: str) -> None:
    """Let copies of a model that is a graph have one of its attributes, as copies of other models have all of them."""
    if isinstance(model, fx.GraphModule):
        model.meta.setdefault(_USER_PRESERVED_ATTRIBUTES_KEY, {})[name] = vars(model)[name]


def _is_activation(node: fx.Node) -> bool:
    func: Any = node.target
    if node.op == "call_method":
        func = getattr(Tensor, str(node.target), None)
    elif node.op != "call_function":
        return False
    return func in kinds.FUNCTIONS and kinds.identify(func, node.args, node.kwargs) is not None
