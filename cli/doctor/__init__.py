"""`strata doctor`: one module per part that is examined; each reports findings, none repairs."""
