"""The report: when individual data pays, what it costs, and whom the average silences."""
