"""Signed choices and pairwise preferences: streaming models of three layers and their blend."""
