"""Programs that are measured, each a process of its own: `python -m benchmarks.contenders.NAME`."""
