"""The `strata` command: translates between a terminal and the parts; decides nothing itself."""
