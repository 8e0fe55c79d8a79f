"""The settings in force, and the rules that they turn on."""
