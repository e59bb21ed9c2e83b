"""Answers as tables and lines, readable without colour."""
