"""The replayed step: what operations keep, counted by hand."""

from __future__ import annotations

from memory_jobs import qlora

from qlint.memory.step.ledger import Ledger, balance, highest
from qlint.memory.step.normalisation import norm
from qlint.memory.step.operations import add, cast, dropout, multiply, unary
from qlint.memory.step.precision import precision_of
from qlint.memory.step.stations import stations
from qlint.memory.step.tensors import Parameter, Tape, Tensor
from qlint.memory.step.walk import walk

ELEMENTS = 1024


def alive(ledger: Ledger) -> int:
    """Bytes that are allocated now."""
    return sum(balance(ledger.events).values())


def source(tape: Tape, size: int = 4) -> Tensor:
    """A tensor that needs a gradient."""
    tensor = tape.new(ELEMENTS, size)
    tape.source(tensor)
    return tensor


def test_a_tensor_lives_as_long_as_something_refers_to_it() -> None:
    ledger = Ledger()
    tape = Tape(ledger)
    tensor = tape.new(100, 4)
    other = tensor
    del tensor
    assert alive(ledger) == 512, "rounded up as the allocator does"
    del other
    assert alive(ledger) == 0


def test_a_function_keeps_its_input_its_result_or_nothing() -> None:
    for saves, copies in (("nothing", 0), ("input", 1), ("result", 1)):
        ledger = Ledger()
        tape = Tape(ledger)
        tensor = source(tape)
        result = unary(tape, tensor, saves)
        del tensor
        node = result.node
        del result
        assert alive(ledger) == copies * 4 * ELEMENTS
        assert node is not None


def test_without_saving_a_graph_keeps_nothing() -> None:
    ledger = Ledger()
    tape = Tape(ledger, saves=False)
    tensor = source(tape)
    result = multiply(tape, unary(tape, tensor, "input"), tensor)
    del tensor
    node = result.node
    del result
    assert node is not None
    assert alive(ledger) == 0


def test_dropout_keeps_a_byte_for_each_element() -> None:
    ledger = Ledger()
    tape = Tape(ledger)
    tensor = source(tape)
    assert dropout(tape, tensor, 0.0) is tensor
    dropped = dropout(tape, tensor, 0.1)
    node = dropped.node
    del tensor, dropped
    assert node is not None
    assert alive(ledger) == ELEMENTS


def test_a_norm_keeps_the_stream_itself_in_float32_and_a_copy_of_it_in_16_bits() -> None:
    precision = precision_of(qlora())
    kept = {}
    for size in (4, 2):
        ledger = Ledger()
        tape = Tape(ledger)
        tensor = source(tape, size)
        before = alive(ledger)
        result = norm(tape, "rms", precision, tensor, 64)
        node = result.node
        del result
        assert node is not None
        kept[size] = alive(ledger) - before
    statistics = 512
    assert kept == {4: statistics, 2: 4 * ELEMENTS + statistics}


def test_backwards_the_gradient_of_a_parameter_stays_and_all_else_goes() -> None:
    ledger = Ledger()
    tape = Tape(ledger)
    weight = Parameter(ELEMENTS, 4, has_gradient=False)
    tensor = source(tape)
    product = multiply(tape, tensor, Tensor(None, ELEMENTS, 4, weight))
    result = add(tape, product, cast(tape, tensor, 2))
    end = result.node
    del tensor, product, result
    ends = tape.backward(end, [tape.new(ELEMENTS, 4)])
    assert len(ends) == 1
    ends.clear()
    del end
    assert balance(ledger.events) == {"gradients": 4 * ELEMENTS}
    assert isinstance(weight.gradient, Tensor)


def test_a_gradient_that_was_there_before_is_added_to() -> None:
    ledger = Ledger()
    tape = Tape(ledger)
    weight = Parameter(ELEMENTS, 4, has_gradient=True)
    product = multiply(tape, source(tape), Tensor(None, ELEMENTS, 4, weight))
    end = product.node
    del product
    tape.backward(end, [tape.new(ELEMENTS, 4)]).clear()
    del end
    assert alive(ledger) == 0


def test_every_stretch_of_a_step_gives_back_what_it_took() -> None:
    for changes in ({}, {"gradient_checkpointing": True}, {"use_dora": True}):
        job = qlora("llama-3.2-1b", **changes)
        *_, last = stations(walk(job))
        trained = (2048 + 2048) * 8 + 2 * (2048 + 512) * 8
        magnitudes = 2048 + 2 * 512 if job.use_dora else 0
        assert last.at == "end of the backward"
        assert set(last.amounts) == {"gradients"}
        assert last.total == 16 * 4 * (trained + magnitudes)


def test_the_highest_point_is_made_of_what_is_alive_there() -> None:
    ledger = Ledger()
    tape = Tape(ledger)
    first = tape.new(ELEMENTS, 4)
    with ledger.charging("other"):
        second = tape.new(ELEMENTS, 2)
    del first
    third = tape.new(ELEMENTS, 1)
    assert highest(ledger.events) == (
        6 * ELEMENTS,
        {"activations": 4 * ELEMENTS, "other": 2 * ELEMENTS},
    )
    del second, third
