"""What was claimed before the runs, and what they say of it."""
