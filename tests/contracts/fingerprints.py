"""Plans of every transform, printed as fingerprints: run in a process of its own by test_processes."""

import json

from paredown.testing import small_bench

from .discovery import PARTS, TRANSFORMS


def fingerprints():
    """Fingerprint of every transform's plan and of the network it leads to."""
    bench = small_bench()
    found = {"the bench": bench.network.fingerprint()}
    for name, transform in {**TRANSFORMS, **PARTS}.items():
        plan = transform.plan(bench.network, bench.evidence())
        found[name] = [plan.fingerprint(), transform.apply(bench.network, plan).fingerprint()]
    return found


if __name__ == "__main__":
    print(json.dumps(fingerprints()))
