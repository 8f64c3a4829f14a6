"""Trained networks of others in plain torch, one file each, and how their data is read.

Every file has the network as a module whose parameters are called as in the checkpoint, ``load(DATA)``, and what turns
the data at hand into its inputs. ``tests/benchmarks/test_checkpoints.py`` holds them to what their makers report.
"""
