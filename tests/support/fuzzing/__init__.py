"""The service asked by Schemathesis, and decoders fed by Hypothesis: as tests, and for longer."""
