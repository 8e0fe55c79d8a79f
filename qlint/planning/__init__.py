"""Plans: which recipe to use, what would make a run fit, how to share it over cards."""
