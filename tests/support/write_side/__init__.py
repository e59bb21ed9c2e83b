"""The write side on real parts: a harness that drives it, and what it must come to."""
