"""Formulas of the papers in plain Python, number by number."""

import math


def probabilities(row, temperature=1.0):
    powers = [math.exp((value - max(row)) / temperature) for value in row]
    return [power / sum(powers) for power in powers]


def divergence(p, q):
    """KL(p || q)."""
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


def correlation(a, b):
    """Pearson's."""
    x, y = ([value - mean(values) for value in values] for values in (a, b))
    return dot(x, y) / (norm(x) * norm(y))


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def norm(a):
    return math.sqrt(dot(a, a))


def unit(a):
    return [value / norm(a) for value in a]


def columns(rows):
    return [list(column) for column in zip(*rows, strict=True)]


def huber(a, b):
    gap = abs(a - b)
    return 0.5 * gap * gap if gap < 1 else gap - 0.5


def vectors(value):
    """One list of numbers per example."""
    return value.flatten(1).tolist()


def channels(value):
    """Lists ``[example][channel][place]``."""
    return (value.flatten(2) if value.ndim > 2 else value[..., None]).tolist()
