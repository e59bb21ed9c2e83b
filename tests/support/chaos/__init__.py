"""The write side on real parts that are killed, frozen, emptied and restarted while events come.

A seed draws what is published and what befalls whom; at the end everything stored is compared
with the oracle's account.
"""
