"""Learning-rate sensitivity: at which rate this run, on this model and data, breaks.

Short trials on the recorded windows at multiples of the run's own rate, each paired with the trial
at the lowest one: the same order of data, dropout and adapter. They show where a run breaks within
so many steps, never which rate is best: the order of the rates at step 20 reverses by step 60
(measured on SmolLM2-135M: 2e-3 leads at 20, 1e-3 at 60).
"""
