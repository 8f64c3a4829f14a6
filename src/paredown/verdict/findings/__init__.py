"""Findings explain surprises: one per file, with a code and a page. Adding one takes its file, a line here, a test, a page."""

from collections.abc import Callable

from paredown.verdict.findings import (
    pd101_channels,
    pd102_int8,
    pd103_fixed_cost,
    pd104_select_judge,
    pd105_opened_before,
    pd106_few_examples,
    pd107_energy,
    pd108_undecided,
    pd109_in_process,
    pd110_noise,
    pd111_assumed,
    pd112_sparse,
    pd113_sums,
)
from paredown.verdict.findings.context import FileContext, RunContext, channels_of
from paredown.verdict.findings.finding import Finding, Severity

__all__ = ["FileContext", "Finding", "RunContext", "Severity", "channels_of", "check"]

_OF_FILES: tuple[Callable[[FileContext], Finding], ...] = (
    pd101_channels.check,
    pd102_int8.check,
    pd103_fixed_cost.check,
    pd106_few_examples.check,
    pd107_energy.check,
    pd108_undecided.check,
    pd110_noise.check,
    pd112_sparse.check,
    pd113_sums.check,
)
_OF_RUNS: tuple[Callable[[RunContext], Finding], ...] = (
    pd104_select_judge.check,
    pd105_opened_before.check,
    pd109_in_process.check,
    pd111_assumed.check,
)


def check(context: FileContext | RunContext) -> list[Finding]:
    """Every finding about a file or a run, including those that passed or did not apply."""
    if isinstance(context, FileContext):
        return [of_file(context) for of_file in _OF_FILES]
    return [of_run(context) for of_run in _OF_RUNS]
