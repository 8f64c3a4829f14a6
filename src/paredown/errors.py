"""Every error Paredown raises on purpose.

::

    ParedownError
    ├── InputError (also ValueError)      what was given cannot work; nothing was started, nothing was lost
    │   ├── BudgetError                   a limit without a unit, negative, or impossible
    │   ├── DataError                     splits, shapes, classes, NaN in the data
    │   ├── TaskError                     model, loss, score or ``module:name`` do not fit together
    │   ├── CaptureError                  the model cannot be turned into a graph
    │   ├── RecipeError                   steps that cannot follow one another, settings out of range
    │   ├── FrozenError                   an axis was asked to be cut that an operator holds fast
    │   └── TrustError                    what comes from elsewhere would run as a program, or lead to other files
    ├── CutError                          a cut network does not compute what its parent computes without those indices
    ├── TrainingError                     the loss became NaN or infinite while training
    ├── LoweringError                     the target has no words for this network
    │   └── ParityError                   file and network do not agree: the file is refused
    ├── MeasureError                      the runtime crashed or hung in a measuring process
    ├── LedgerError                       the run directory cannot be used
    │   ├── CorruptError                  a stored file does not have the content its name promises
    │   └── LockedError                   another process works in this run directory
    └── CertificateError                  the certificate does not belong to the file

A message says, in this order: what was given, what holds, what to type.
"""

__all__ = [
    "BudgetError",
    "CaptureError",
    "CertificateError",
    "CorruptError",
    "CutError",
    "DataError",
    "FrozenError",
    "InputError",
    "LedgerError",
    "LockedError",
    "LoweringError",
    "MeasureError",
    "ParedownError",
    "ParityError",
    "RecipeError",
    "TaskError",
    "TrainingError",
    "TrustError",
]


class ParedownError(Exception):
    """Root of every error raised on purpose."""


class InputError(ParedownError, ValueError):
    """What was given cannot work; raised before any work starts."""


class BudgetError(InputError):
    """A limit has no unit, is negative, or cannot be met by anything."""


class DataError(InputError):
    """Splits, shapes, classes or values of the data do not fit."""


class TaskError(InputError):
    """Model, loss and score do not fit together, or the task cannot be found."""


class CaptureError(InputError):
    """The model cannot be turned into a graph."""


class RecipeError(InputError):
    """Steps cannot follow one another, or a setting is out of range."""


class FrozenError(InputError):
    """An axis was asked to be cut that an operator holds fast."""


class TrustError(InputError):
    """What comes from elsewhere would run as a program here, or would lead to files that are not part of it."""


class CutError(ParedownError):
    """A cut network does not compute what its parent computes without those indices; it is not handed out."""


class TrainingError(ParedownError):
    """The loss became NaN or infinite while training."""


class LoweringError(ParedownError):
    """The target has no words for this network."""


class ParityError(LoweringError):
    """File and network do not agree, so the file is refused."""


class MeasureError(ParedownError):
    """The runtime crashed or hung in a measuring process."""


class LedgerError(ParedownError):
    """The run directory cannot be used."""


class CorruptError(LedgerError):
    """A stored file does not have the content that its name promises."""


class LockedError(LedgerError):
    """Another process works in this run directory."""


class CertificateError(ParedownError):
    """The certificate does not belong to the file."""
