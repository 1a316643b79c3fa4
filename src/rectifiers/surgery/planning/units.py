"""Which dimension holds the channels of a site: as the user says, else as the model shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace

from ...core.granularity import check_channel_dim
from ...core.wording import listing
from ...watching.sites import Site, unit_dim
from ...watching.survey import Survey
from .target import Target


def obey_channel_dim(survey: Survey, target: Target) -> Survey:
    """Return the survey with the channels of all sites where the user says; as it is if he does not.

    Args:
        survey: what the example shows of the model.
        target: what to put in; its option `channel_dim` is obeyed.
    """
    if "channel_dim" not in target.options:
        return survey
    dim = check_channel_dim(target.title, target.options["channel_dim"])
    return replace(
        survey,
        located=[
            replace(one, site=replace(one.site, channel_dim=unit_dim(dim, len(one.site.shape))))
            for one in survey.located
        ],
    )


def channel_obstacle(site: Site, target: Target) -> str:
    """Return why a function that needs to know a site's channels cannot go there; empty if it can.

    Args:
        site: where the function is to go.
        target: the function.
    """
    if site.channel_dim is not None or not target.needs_channels:
        return ""
    shape = "×".join(map(str, site.shape))
    if not shape:
        return "its values have no dimension for channels"
    if "channel_dim" in target.options:
        return f"its values of shape {shape} have no dimension {target.options['channel_dim']} for channels"
    layer = "" if target.doubles_channels else " or share='layer'"
    return (
        f"nothing in the model shows which dimension of its values of shape {shape} holds the channels; "
        f"give channel_dim=…{layer}"
    )


def find_shapes(survey: Survey, target: Target) -> dict[int, set[tuple[int, ...]]]:
    """Find the shapes of all values that share the parameters of a site, by the site's index.

    Args:
        survey: what the example shows of the model.
        target: what to put in.
    """
    shapes: dict[int, set[tuple[int, ...]]] = {}
    of_module: dict[tuple[str, str], set[tuple[int, ...]]] = defaultdict(set)
    for entry in survey.located:
        trace = survey.training if entry.site.training_only else survey.trace
        assert trace is not None
        shapes[entry.site.index] = {trace.shapes[op.inputs[0]] for op in entry.ops}
        of_module[entry.site.call, entry.site.path] |= shapes[entry.site.index]
    if target.share_calls and target.share == "element":
        return {entry.site.index: of_module[entry.site.call, entry.site.path] for entry in survey.located}
    return shapes


def shape_obstacle(shapes: Collection[tuple[int, ...]], site: Site, target: Target) -> str:
    """Return why calls that share a site's parameters cannot do so; empty if they can.

    Args:
        shapes: the shapes of the site's values in all its calls, as those of a detector's head on several resolutions.
        site: where the function is to go.
        target: the function.
    """
    share = target.share
    if share == "layer":
        return ""
    if share == "element" and not all(isinstance(size, int) for shape in shapes for size in shape):
        return "its samples differ in length, so that they cannot share parameters for each element; give share='layer'"
    dim = None if share == "element" else site.channel_dim
    sizes = {shape[1:] if dim is None else shape[dim : dim + 1 or None] for shape in shapes}
    if len(sizes) < 2:
        return ""
    first, *others = ["×".join(map(str, shape)) for shape in (site.shape, *sorted(set(shapes) - {site.shape}))]
    channel = "share='channel' or " if share == "element" else ""
    return (
        f"it is called on values of shape {first} and of {listing(others)}, which cannot share parameters for each "
        f"{share}; give {channel}share='layer'"
    )
