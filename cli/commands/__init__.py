"""One module per group of commands: what may be typed. The work is done in `cli`.

These modules are imported for every command line, so they import what they need when it is used.
"""
