"""`strata bench`: Strata beside what else one could use, in one run on one machine."""
