"""A language model: where it is to be had, its parts, and going through it again."""

from helpers.models.cache import cache_directory
from helpers.models.errors import (
    BrokenModelError,
    ModelError,
    UnknownModelError,
    UnreachableModelError,
    UnsupportedModelError,
)
from helpers.models.head_weights import HeadWeights
from helpers.models.load import load_model
from helpers.models.model import Model, StopRun, check_model
from helpers.models.replay import CleanRun, NotReplayableError, can_replay, record
from helpers.models.sites import Part, Site, SiteKind
from helpers.models.sources import KNOWN, Source, asked_for, find_source
from helpers.models.untrained import network_model, untrained_model, untrained_network
from helpers.models.wrap import wrap_bridge
