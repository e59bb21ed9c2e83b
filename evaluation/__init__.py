"""Prequential evaluation: each event is predicted before it is applied."""
