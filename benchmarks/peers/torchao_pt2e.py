"""torchao's PT2E quantization of a captured module, written to an ONNX file."""

import logging
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import nn

__all__ = ["converted", "exported"]


Inputs = tuple[torch.Tensor, ...]


def converted(model: nn.Module, example: Inputs, batches: Iterable[Inputs]) -> nn.Module:
    """Static 8 bits with `X86InductorQuantizer`, as torchao's tutorial does it.

    Args:
        model: in eval mode.
        example: inputs of two examples; the batch stays free.
        batches: inputs to calibrate on.

    """
    from torchao.quantization.pt2e import (  # noqa: PLC0415 (imported where it is compared with)
        move_exported_model_to_eval,
    )
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e  # noqa: PLC0415 (see above)
    from torchao.quantization.pt2e.quantizer.x86_inductor_quantizer import (  # noqa: PLC0415 (see above)
        X86InductorQuantizer,
        get_default_x86_inductor_quantization_config,
    )

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        captured = torch.export.export(model, example, dynamic_shapes=_free(example)).module()
        prepared = prepare_pt2e(
            captured, X86InductorQuantizer().set_global(get_default_x86_inductor_quantization_config())
        )
        for batch in batches:
            prepared(*batch)
        made: nn.Module = convert_pt2e(prepared)
        move_exported_model_to_eval(made)
    return made


def exported(module: nn.Module, example: Inputs, out: Path) -> None:
    """By `torch.onnx.export`: the quantizer places its rounding for Inductor's kernels; torchao has none for ONNX Runtime."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(module, example, dynamo=True, dynamic_shapes=_free(example), verbose=False)
    if program is None:
        msg = "torch.onnx.export returned no program."
        raise RuntimeError(msg)
    program.save(str(out))


def _free(example: Inputs) -> Any:
    return tuple({0: torch.export.Dim("batch")} for _ in example)
