"""Activations in models that are graphs: the nodes that call functions become nodes that call modules."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping
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
    taken = replaced_calls(module)

    def replace(graph: fx.Graph) -> bool:
        nodes = [node for node in graph.nodes if _is_activation(node)]
        free = (number for number in range(len(nodes) + len(taken._modules)) if taken.at(number) is None)
        numbered = dict(zip(free, nodes, strict=False))
        if not set(numbers) <= numbered.keys():
            return False
        for number in numbers:
            node = numbered[number]
            with graph.inserting_before(node):
                # The child comes later, so that a graph that cannot be changed is left without it.
                given = (kinds.tensor_of(node.args, node.kwargs),)
                call = graph.create_node("call_module", f"{CHILD}.{number}", given)
            node.replace_all_uses_with(call)
            graph.erase_node(node)
        return True

    return _change_graphs(module, replace)


def number_calls(module: fx.GraphModule, called: nn.Module) -> Undo | None:
    """Let a graph say which call it is where it calls a module that is called several times.

    Args:
        module: the module of the graph.
        called: what it calls, whose calls are numbered in the order in which they are written.

    Returns:
        What puts the graph back, or None if it does not make all of these calls itself.
    """

    def number(graph: fx.Graph) -> bool:
        nodes = []
        for node in graph.nodes:
            part = module.get_submodule(str(node.target)) if node.op == "call_module" else None
            if part is called:
                nodes.append(node)
            elif part is not None and any(inner is called for inner in part.modules()):
                return False
        for place, node in enumerate(nodes):
            node.kwargs = {**node.kwargs, "call": place}
        return True

    return _change_graphs(module, number)


def _change_graphs(module: fx.GraphModule, change: Callable[[fx.Graph], bool]) -> Undo | None:
    """Change a copy of each graph that a module has, such as one for each mode; return what puts them back.

    Args:
        module: the module.
        change: changes a graph; returns whether it could.
    """
    before = {name: value for name, value in vars(module).items() if isinstance(value, fx.Graph)}
    changed: dict[fx.Graph, fx.Graph] = {}
    for graph in dict.fromkeys(before.values()):
        changed[graph] = copy.deepcopy(graph)
        if not change(changed[graph]):
            return None

    def put(graphs: Mapping[str, fx.Graph], current: fx.Graph) -> None:
        vars(module).update(graphs)
        module.graph = current

    whole = module.graph
    put({name: changed[graph] for name, graph in before.items()}, changed[whole])

    def undo() -> None:
        # The module may have changed from one to another since.
        now = next((old for old, new in changed.items() if new is module.graph), whole)
        put(before, now)

    return undo


def keep_in_copies(model: nn.Module, name: str) -> None:
    """Let copies of a model that is a graph have one of its attributes, as copies of other models have all of them."""
    if isinstance(model, fx.GraphModule):
        # Graphs that are made in other ways have no such notes yet.
        notes: dict[str, Any] = vars(model).setdefault("meta", {})
        notes.setdefault(_USER_PRESERVED_ATTRIBUTES_KEY, {})[name] = vars(model)[name]


def _is_activation(node: fx.Node) -> bool:
    func: Any = node.target
    if node.op == "call_method":
        func = getattr(Tensor, str(node.target), None)
    elif node.op != "call_function":
        return False
    return func in kinds.FUNCTIONS and kinds.identify(func, node.args, node.kwargs) is not None
