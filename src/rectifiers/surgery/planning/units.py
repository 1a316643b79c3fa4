"""Which dimension holds the channels of a site: as the user says, else as the model shows."""

from __future__ import annotations

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
