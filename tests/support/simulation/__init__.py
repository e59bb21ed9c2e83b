"""The write side on a fake clock: many small schedules of faults, each from a seed.

The engines, their composition (`streams.duties`) and the delivery of batches are the
real ones. Simulated are the broker with its consumer group, the network, the stores'
failures, processes that die, freeze and are started again, and time.
"""

from simulation.running import Outcome, run
from simulation.schedule import Schedule, draw, without

__all__ = ["Outcome", "Schedule", "draw", "run", "without"]
