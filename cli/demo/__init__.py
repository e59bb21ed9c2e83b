"""`strata demo`: real events through real parts, and what comes out compared with what went in."""
