"""Which networks can be cut: the smallest model of every timm family, small transformers of every kind, and traps.

    python -m benchmarks.coverage list                     # which model of each timm family is the smallest
    python -m benchmarks.coverage run --out RUNS [--only NAME] [--arms ARM] [--limit-s 240]
    python -m benchmarks.coverage record --out RUNS        # results/<date>-coverage.json
    python -m benchmarks.coverage situations               # results/<date>-situations.json: small networks, to the file
    python -m benchmarks.tables

Every model is run in a process of its own with limits on time and memory, once by Paredown and twice by Torch-Pruning
(as it is, and with the attention heads named): one arm after the other, each result in a file of its own, so that a run
may be stopped and started again. Needs ``pip install torchvision timm transformers torch-pruning`` beside Paredown.
"""
