"""Architecture search within the user's own network: how wide and how deep it has to be."""

from paredown.architecture.evolution import Evolution
from paredown.architecture.local_search import LocalSearch
from paredown.architecture.random_search import RandomSearch
from paredown.architecture.slim import Slim
from paredown.architecture.space import Depth, Width
from paredown.recipe.strategy import Strategy

__all__ = ["Depth", "Evolution", "LocalSearch", "RandomSearch", "Slim", "Strategy", "Width"]
