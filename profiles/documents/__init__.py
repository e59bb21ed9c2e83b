"""What users wrote: cut into passages, found again, described, and quoted in a prompt."""
