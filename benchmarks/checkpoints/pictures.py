"""Pictures of the data folder as tensors of 0 to 255."""

import io
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

__all__ = ["imagenet", "squares"]


def imagenet(data: Path, size: tuple[int, int], *, crop: int | None = None, limit: int = 1000) -> tuple[Tensor, Tensor]:
    """Photos of ``imagenet-sample-1k`` as ``[n, 3, height, width]``, and their classes.

    Args:
        data: the data folder.
        size: width and height; the whole photo is brought to it.
        crop: cut a square of so many pixels out of the middle first, unscaled.
        limit: the first so many only.

    """
    import pyarrow.parquet  # noqa: PLC0415 (as in the examples)

    table = pyarrow.parquet.read_table(data / "imagenet-sample-1k/imagenet_sample_1k.parquet")[:limit]
    photos = [_photo(image, size, crop) for image in table["image"].to_pylist()]
    return torch.stack(photos), torch.from_numpy(table["label"].to_numpy().copy()).long()


def squares(path: Path, size: int, *, limit: int | None = None) -> Tensor:
    """The first pictures of a parquet file with a column ``image``, each brought to ``size`` times ``size`` pixels."""
    import pyarrow.parquet  # noqa: PLC0415 (as in the examples)

    images = pyarrow.parquet.read_table(path)["image"][:limit].to_pylist()
    return torch.stack([_photo(image, (size, size), None) for image in images])


def _photo(encoded: bytes, size: tuple[int, int], crop: int | None) -> Tensor:
    from PIL import Image  # noqa: PLC0415 (as in the examples)

    with Image.open(io.BytesIO(encoded)) as opened:
        photo = opened.convert("RGB")
    if crop is not None:
        left, top = (photo.width - crop) // 2, (photo.height - crop) // 2
        photo = photo.crop((left, top, left + crop, top + crop))
    if photo.size != size:
        photo = photo.resize(size, Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(photo)).permute(2, 0, 1).float()
