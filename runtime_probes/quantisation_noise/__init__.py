"""What quantisation does to weights and to the outputs of layers, and the update beside it."""
