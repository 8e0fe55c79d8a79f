"""Capture: run the user's script as it is, record what it trains on, and stop it before it trains.

Everything that is changed for that (methods wrapped, variables set, folders redirected) goes
through :mod:`~qlint.runtime_probes.capture.patches` and is undone when the capture ends.
"""
