"""Recipes: steps that change a network, the training among them, and how they are carried out."""

from paredown.recipe.early import EarlyStop
from paredown.recipe.evidence import Evidence
from paredown.recipe.ingredient import Hook, Ingredient, Step, Targets, TrainContext, Update
from paredown.recipe.loop import TrainResult
from paredown.recipe.optimizers import SGD, AdamW, Auto
from paredown.recipe.plan import Plan
from paredown.recipe.progress import Progress, Silent
from paredown.recipe.schedules import Constant, Cosine
from paredown.recipe.train import Train
from paredown.recipe.transform import Transform

__all__ = [
    "SGD",
    "AdamW",
    "Auto",
    "Constant",
    "Cosine",
    "EarlyStop",
    "Evidence",
    "Hook",
    "Ingredient",
    "Plan",
    "Progress",
    "Silent",
    "Step",
    "Targets",
    "Train",
    "TrainContext",
    "TrainResult",
    "Transform",
    "Update",
]
