"""Lightning Fabric, made quiet."""

import atexit
import logging
import os
from typing import TYPE_CHECKING

import torch

from paredown.errors import RecipeError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from paredown.recipe.train import Train

__all__ = ["fabric_for", "pick_device", "plain"]


def pick_device(name: str) -> torch.device:
    """The device a setting means on this machine.

    Raises:
        RecipeError: there is no such device here.

    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        msg = f"Train(device={name!r}) was given, and torch knows no such device. Write 'auto', 'cpu' or 'cuda'."
        raise RecipeError(msg) from error
    here = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if (device.index or 0) >= here.get(device.type, 0):
        found = ", ".join(f"{count} x {kind}" for kind, count in here.items() if count)
        msg = f"Train(device={name!r}) was given, and this machine has {found}. Write device='auto'."
        raise RecipeError(msg)
    return device


def fabric_for(settings: "Train") -> "Fabric":
    """Fabric for the device, precision and number of processes of a training.

    Raises:
        RecipeError: the machine or the way the script was started does not fit the settings.

    """
    device = pick_device(settings.device)
    if settings.precision == "16-mixed" and device.type == "cpu":
        msg = 'Train(precision="16-mixed") needs a GPU, and this trains on the CPU. Write precision="bf16-mixed".'
        raise RecipeError(msg)
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if settings.devices > 1 and started != settings.devices:
        msg = (
            f"Train(devices={settings.devices}) was given, and this script runs in {started} process(es). "
            f"Start it with `torchrun --nproc-per-node={settings.devices} script.py`, or leave devices out."
        )
        raise RecipeError(msg)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    from lightning_fabric import Fabric  # noqa: PLC0415 (heavy, and only training needs it)

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    devices = [device.index or 0] if settings.devices == 1 and device.type != "cpu" else settings.devices
    strategy = "ddp" if settings.devices > 1 else "auto"
    fabric = Fabric(accelerator=device.type, devices=devices, strategy=strategy, precision=settings.precision)
    connected = torch.distributed.is_initialized()
    fabric.launch()
    if torch.distributed.is_initialized() and not connected:
        atexit.register(_disconnect)
    return fabric


def plain(settings: "Train") -> bool:
    """Whether Fabric's wrappers change nothing in a step: one process, and one precision for everything.

    Going through them then only costs time, which shows where the network is small.
    """
    return settings.devices == 1 and settings.precision == "32-true"


def _disconnect() -> None:
    """End the process group before the interpreter does: its threads still run then, and the process would abort."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
