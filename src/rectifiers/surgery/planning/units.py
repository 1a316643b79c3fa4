"""Which dimension holds the channels of a site: as the user says, else as the model shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from ...core.granularity import check_channel_dim
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


def share_channels(sites: Sequence[Site]) -> tuple[list[Site], dict[int, str]]:
    """Let all calls of a module have their channels in one dimension, because they share parameters for them.

    Args:
        sites: sites whose channels are known.

    Returns:
        The sites, with one channel dimension for each module, and why some cannot share, by their index.
    """
    groups: dict[tuple[str, str], list[Site]] = defaultdict(list)
    for site in sites:
        groups[site.call, site.path].append(site)
    reasons = {}
    for key, members in groups.items():
        if all(site.channel_dim in (-1, len(site.shape) - 1) for site in members):
            dims = {site.channel_dim for site in members}
            dim = dims.pop() if len(dims) == 1 else -1
            groups[key] = members = [replace(site, channel_dim=dim) for site in members]
        first = members[0]
        for site in members[1:]:
            if (site.channel_dim, site.channels) != (first.channel_dim, first.channels):
                reasons[site.index] = (
                    f"it has {site.channels} channels in dimension {site.channel_dim} and {first.name} has "
                    f"{first.channels} in dimension {first.channel_dim}, so that share_calls=True cannot share them"
                )
    agreed = {site.index: site for members in groups.values() for site in members}
    return [agreed[site.index] for site in sites], reasons
