"""One training step replayed in sizes: no numbers are computed, only tensors made and dropped.

What PyTorch allocates in a step follows from the code of the model, PEFT, bitsandbytes and
autograd alone. So that code is written down here once more, operation by operation, with tensors
that have a size and no content; a reference count frees them where CPython frees the real ones.
One layer of each kind is replayed; the whole model is their sum (:mod:`.stations`). Every module
names the source it transcribes.
"""
