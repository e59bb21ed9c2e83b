"""`strata keys`: the file of API keys, written and shown."""
