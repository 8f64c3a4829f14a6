"""The fixed sentences of a report: what its words mean, and which mark stands for which outcome."""

from types import MappingProxyType

__all__ = ["GLOSSARY", "MARKS", "ROLES", "SEVERITIES", "mark"]

# outcome -> (icon of the page, sign of the terminal, style class)
MARKS = MappingProxyType(
    {
        "meets": ("yes", "✓", "good"),
        "misses": ("no", "✗", "bad"),
        "wins": ("yes", "✓", "good"),
        "loses": ("no", "✗", "bad"),
        "tie": ("tie", "=", "even"),
        "cannot tell": ("unknown", "?", "open"),
    }
)

ROLES = MappingProxyType(
    {"original": "the original", "control": "control", "arm": "compared technique", "trial": "search trial"}
)

SEVERITIES = MappingProxyType(
    {"issue": "Issues", "tip": "Tips", "passed": "Checks passed", "not applicable": "Not applicable"}
)

GLOSSARY = (
    (
        "95 % interval",
        (
            "Numbers in brackets. Repeating the whole measurement would give such brackets around the true value in about "
            "19 of 20 cases. Where two candidates overlap, the report does not pretend to know which is better."
        ),
    ),
    (
        "Ratio to the original",
        (
            "Latency of the candidate divided by that of the original, from pairs of fresh processes that ran side by "
            "side. Its interval is taken between processes, because within one process it would be far too narrow. This "
            "is the number that decides."
        ),
    ),
    (
        "Next run",
        "A prediction interval: where a single further run of the program will fall. It describes, it never decides.",
    ),
    (
        "Drop",
        (
            "Score of the original minus score of the candidate on the same examples, so that positive is worse. Its "
            "interval comes from resampling these pairs of examples."
        ),
    ),
    (
        "Meets, misses, cannot tell",
        (
            "A limit is met when the whole interval is on its good side, missed when the whole interval is on the other "
            "side. In between, nothing honest can be said without more measurements or more examples."
        ),
    ),
    (
        "Wins, tie, cannot tell",
        (
            "One candidate wins when the interval of the difference lies beyond the margin. A tie is a positive finding: "
            "the interval lies within the margin. Several comparisons at once are corrected (Holm)."
        ),
    ),
    (
        "Scope",
        (
            "“files” compares two files that exist. Only “recipes”, repeated with three or more seeds, allows the "
            "sentence that one technique beats another."
        ),
    ),
    (
        "Frontier",
        "Candidates that no other candidate beats in every quantity at once.",
    ),
    (
        "Select and judge",
        (
            "Choices are made on the select examples. The judge examples are opened once, for the final claim; every "
            "opening is counted across runs."
        ),
    ),
)


def mark(outcome: str) -> tuple[str, str, str]:
    """Icon, terminal sign and style class of an outcome; unknown outcomes are shown as open."""
    return MARKS.get(outcome, MARKS["cannot tell"])
