"""House prices from a table: a regression network for a server or a phone, half as fast again within 2 % of its error.

    python examples/california_table.py DATA --time "2 min"

``DATA`` holds ``california-housing/housing.csv.gz``.
"""

import csv
import gzip
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from command import main, need
from torch import Tensor, nn
from training import train

import paredown

NEEDED = ("california-housing/housing.csv.gz",)
NUMBERS = (
    "longitude",
    "latitude",
    "housing_median_age",
    "total_rooms",
    "total_bedrooms",
    "population",
    "households",
    "median_income",
)
PLACES = ("<1H OCEAN", "INLAND", "ISLAND", "NEAR BAY", "NEAR OCEAN")


def read(data: Path) -> tuple[Tensor, Tensor]:
    """Standardised features ``[20640, 13]`` and prices ``[20640, 1]`` in units of 100,000 dollars."""
    with gzip.open(data / NEEDED[0], "rt") as file:
        rows = list(csv.DictReader(file))
    numbers = np.array([[float(row[name] or "nan") for name in NUMBERS] for row in rows])
    numbers = np.where(np.isnan(numbers), np.nanmedian(numbers, axis=0), numbers)
    numbers[:, 3:7] = np.log(numbers[:, 3:7])
    numbers = (numbers - numbers.mean(0)) / numbers.std(0)
    places = np.array([[row["ocean_proximity"] == place for place in PLACES] for row in rows], dtype=float)
    prices = np.array([[float(row["median_house_value"]) / 1e5] for row in rows])
    return torch.tensor(np.hstack([numbers, places])).float(), torch.tensor(prices).float()


def network(width: int = 256) -> nn.Sequential:
    """Four hidden layers."""
    body: list[nn.Module] = []
    for inputs in (len(NUMBERS) + len(PLACES), width, width, width):
        body += [nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.ReLU()]
    return nn.Sequential(*body, nn.Linear(width, 1))


def load(data: Path) -> paredown.Task:
    """The task: a trained network, 12,640 rows to train, 4,000 to choose and 4,000 to judge."""
    need(data, NEEDED)
    rows, prices = read(data)
    judge, select, rest = np.split(np.random.default_rng(0).permutation(len(rows)), [4000, 8000])
    return paredown.Task(
        train(network(), rows[rest], prices[rest], epochs=20, batch_size=256),
        data=paredown.Data(
            train=(rows[rest], prices[rest]),
            select=(rows[select], prices[select]),
            judge=(rows[judge], prices[judge]),
            batch_size=256,
        ),
        loss=F.mse_loss,
        score=paredown.scores.root_squared_error,
        name="California housing",
    )


if __name__ == "__main__":
    main(__doc__, load, time="2 min", latency="65%", drop="2%")
