"""Replay: train on the recorded inputs again, from the same state, as often as a probe needs."""
