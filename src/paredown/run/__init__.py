"""A run directory and what is in it: the ledger, its records, results, settings, candidates and certificates."""
