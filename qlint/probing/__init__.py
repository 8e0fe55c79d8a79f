"""From a command line to a measured run: what to probe, and what the measurement says about it.

The measuring itself is in ``qlint.runtime_probes``, which needs torch; nothing here does.
"""
