"""Every technique there is, found by type in the public names of the families."""

import functools
import inspect

from paredown import architecture, distill, prune, quantize, regularize, targets
from paredown.recipe import Ingredient, Train, Transform
from paredown.testing import EdgeTarget

from .benches import pictures, word_bench

FAMILIES = (prune, quantize, architecture, distill, regularize)

QUICK = {
    architecture.Slim: {"evaluations": 6, "examples": 32},
    quantize.AdaRound: {"iterations": 5},
    quantize.BRECQ: {"iterations": 5},
    quantize.Calibrate: {"of": (quantize.Int8(), quantize.Int8(quantize.Mse()))},
    distill.CRD: {"negatives": 32},
    distill.ReviewKD: {"at": ("stem", "block")},
    distill.MiniLM: {"heads": 4},
    distill.TinyBERT: {"heads": 4},
    distill.Unlabelled: {"inputs": pictures},
}
"""Settings that make a technique quick enough to be checked often; nothing else differs from the defaults."""

BENCHES = dict.fromkeys(("regularize.TokenDropout", "regularize.EmbeddingNoise"), functools.cache(word_bench))
"""What techniques are checked on that refuse pictures."""


def of_kind(kind, *packages):
    """Every class that can be made, by qualified name."""
    found = {}
    for package in packages:
        for name in package.__all__:
            thing = getattr(package, name)
            if isinstance(thing, type) and issubclass(thing, kind) and not inspect.isabstract(thing):
                found[f"{package.__name__.rpartition('.')[2]}.{name}"] = thing
    return found


def make(cls):
    return cls(**QUICK.get(cls, {}))


TRANSFORMS = {name: make(cls) for name, cls in of_kind(Transform, *FAMILIES).items()}
INGREDIENTS = {name: make(cls) for name, cls in of_kind(Ingredient, *FAMILIES).items()}
TARGETS = {
    **{name: make(cls) for name, cls in of_kind(targets.Target, targets).items()},
    "testing.EdgeTarget": EdgeTarget(batch=4),
}
PARTS = {
    **{
        f"{n} in prune.Channels": prune.Channels(importance=cls())
        for n, cls in of_kind(prune.Importance, prune).items()
    },
    **{
        f"{n} in prune.Channels": prune.Channels(allocation=cls())
        for n, cls in of_kind(prune.Allocation, prune).items()
    },
    **{f"{n} in prune.Weights": prune.Weights(method=cls()) for n, cls in of_kind(prune.Masking, prune).items()},
    **{f"{n} in prune.Weights": prune.Weights(pattern=cls()) for n, cls in of_kind(prune.Pattern, prune).items()},
    **{
        f"{n} in quantize.Int8": quantize.Int8(activations=cls())
        for n, cls in of_kind(quantize.Range, quantize).items()
    },
    **{
        f"{n} in quantize.Int8": quantize.Int8(refine=make(cls), weight_bits=4)
        for n, cls in of_kind(quantize.Refinement, quantize).items()
    },
    **{
        f"{n} in quantize.WeightOnly": quantize.WeightOnly(weights=cls())
        for n, cls in of_kind(quantize.WeightRange, quantize).items()
    },
    **{
        f"{n} in quantize.WeightOnly": quantize.WeightOnly(refine=make(cls))
        for n, cls in of_kind(quantize.Refinement, quantize).items()
    },
    **{
        f"{n} in architecture.Slim": architecture.Slim(strategy=cls(), evaluations=6, examples=32)
        for n, cls in of_kind(architecture.Strategy, architecture).items()
    },
}
"""Settings objects that have a choice of techniques inside, one by one."""
INGREDIENT_PARTS = {
    "Assistant in distill.Logits": distill.Logits(
        teacher=distill.Assistant((prune.Channels(keep=0.5), Train(epochs=0.5, device="cpu", early=None)))
    ),
    "several peers in distill.Mutual": distill.Mutual(peer=(distill.Original(), distill.Original()), together=True),
    **{
        f"{n} in distill.Outputs": distill.Outputs(loss=make(cls))
        for n, cls in of_kind(distill.OutputLoss, distill).items()
    },
    **{
        f"{n} in distill.Features": distill.Features(at="block.0+block.1+block.3", loss=make(cls))
        for kind in (distill.FeatureLoss, distill.LearnedFeatureLoss)
        for n, cls in of_kind(kind, distill).items()
    },
}
"""The same for ingredients of training."""
