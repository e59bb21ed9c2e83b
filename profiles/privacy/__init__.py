"""The person's say over what is kept of them: export, erasure, consent and retention; pure."""
