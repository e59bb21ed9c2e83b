"""The files that `strata init` writes."""
