"""Which share of a step turns 4-bit weights back into numbers, by phase and by module."""
