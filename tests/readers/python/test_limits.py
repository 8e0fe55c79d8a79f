"""Hostile and huge programs: reading ends soon, and never raises."""

from __future__ import annotations

import pytest
from evaluating import rank, run

from qlint.readers import read
from qlint.readers.request import Request

pytestmark = pytest.mark.timeout(120)  # a hang is what is looked for

NESTED = "r = " + "(" * 40 + "8" + ")" * 40
PROGRAMS = {
    "powers": "x = 10**10**10\n",
    "powers of results": "x = 2\n" + "x = x ** x\n" * 40,
    "a list too long": "x = [1] * 10**12\ny = [x] * 10**12\n",
    "a list that doubles": "x = [1]\n" + "x = x + x\n" * 60,
    "a text that doubles": "x = 'a'\n" + "x += x\n" * 60,
    "a text multiplied": "x = 'a' * 10**12\n",
    "a text padded": "x = f'{1:>999999999}'\ny = '%999999999d' % 1\nz = 'a'.ljust(10**10)\n",
    "format widths": "x = '{:>999999999}'.format(1)\ny = format(1, '>999999999')\n",
    "a shift": "x = 1 << 10**10\n",
    "a huge literal": f"x = {'9' * 900}\n",
    "a factorial": "import math\nx = math.factorial(10**6)\ny = math.comb(10**6, 10**5)\n",
    "a range": "x = list(range(10**12))\ny = sum(range(10**12))\nz = 5 in range(10**12)\n",
    "thousands of keys": "d = {" + ", ".join(f"'k{i}': {i}" for i in range(4_000)) + "}\n",
    "ten thousand elements": "x = [" + ", ".join("'a'" for _ in range(10_000)) + "]\ny = set(x)\n",
    "products": "x = [a for a in range(200) for b in range(200) for c in range(200)]\n",
    "itertools": "import itertools\nx = list(itertools.product(range(99), repeat=9))\n",
    "permutations": "import itertools\nx = list(itertools.permutations(range(99)))\n",
    "endless recursion": "def f(n):\n    return f(n) + f(n)\nf(1)\n",
    "mutual recursion": "def f():\n    g(); g()\ndef g():\n    f(); f()\nf()\n",
    "while True": "n = 1\nwhile True:\n    n += 1\n    n *= 2\n",
    "endless generators": "def f():\n    while True:\n        yield 1\nx = list(f())\n",
    "a list that grows in its loop": "x = [1]\nfor y in x:\n    x.append(y)\n",
    "two thousand functions": "".join(f"def f{i}():\n    return {i}\n" for i in range(2_000)),
    "many unknown branches": "import x\nn = 0\n"
    + "".join(f"if x.a{i}:\n    n += {i}\n" for i in range(300)),
    "many unknown returns": "import x\ndef f():\n"
    + "".join(f"    if x.a{i}:\n        return {i}\n" for i in range(300)) + "f()\n",
    "unknown branches in a loop": "import x\nn = 0\nfor i in range(60):\n"
    + "".join(f"    if x.a{i}:\n        break\n    if x.b{i}:\n        continue\n"
              for i in range(9)),
    "a self-containing list": "x = []\nx.append(x)\ny = str(x)\nz = x == x\n",
    "a self-containing dict": "d = {}\nd['d'] = d\ny = str(d)\nz = d == d\n",
    "a class of itself": "class A:\n    pass\nA.a = A\na = A()\na.a = a\n",
    "a class with itself as base": "class A: pass\nclass A(A): pass\nA().x\n",
    "many attributes": "import a\nx = a" + ".b" * 300 + "\n",
    "parentheses": NESTED + "\n",
    "long sums": "x = " + " + ".join(["1"] * 300) + "\n",
    "broken calls": "len()\nmax()\nint(1, 2, 3)\nsorted()\nrange()\nzip(1)\ngetattr()\n"
    "setattr(1)\nisinstance(1)\nsuper()\nopen()\ndict(1)\nnext()\nsum()\n",
    "globals of itself": "g = globals()\ng['g'] = g\nx = str(g)\n",
    "star of itself": "x = [1]\nx = [*x, *x]\n" * 40,
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_reading_ends_soon(name: str) -> None:
    recipe = run(PROGRAMS[name])
    assert recipe["learning_rate"].value == 1e-4


ENDLESS = {
    "nested loops": "".join(f"{'    ' * i}for i{i} in range(60):\n" for i in range(8))
    + "    " * 8 + "n = 1\n",
    "deep chains of calls": "def f0():\n    return 8\n"
    + "".join(f"def f{i}():\n    return f{i - 1}() + f{i - 1}()\n" for i in range(1, 200))
    + "f199()\n",
}  # fmt: skip


@pytest.mark.parametrize("name", ENDLESS)
def test_fuel_ends_with_a_problem_that_says_so(name: str) -> None:
    data = f"from peft import LoraConfig\n{ENDLESS[name]}".encode()
    reading = read("train.py", data, Request(root="/nonexistent"))
    assert [problem.fatal for problem in reading.problems] == [False]
    assert "steps" in reading.problems[0].message


def test_a_comprehension_that_makes_data_leaves_fuel_for_the_run() -> None:
    costly = "def f(n):\n    return 0 if n == 0 else sum(f(n - 1) for _ in range(9))\n"
    many = "def row(i):\n    for a in range(60):\n        for b in range(60):\n            i += b\n"
    recipe = run(costly + many + "    return i\nrows = [row(i) for i in range(200)]\n")
    assert recipe["lora_r"].value == 8


@pytest.mark.parametrize(
    "text", ["", "\ufeff", "#", "\n\n", "x", "'''", "def f(:", "\0", "if 1:\n", "é = 1", "\x0c"]
)
def test_fragments_never_make_reading_raise(text: str) -> None:
    read("train.py", text.encode(), Request(root="/nonexistent"))


@pytest.mark.parametrize("data", [b"\xff\xfe", b"# coding: utf-16\n", b"# coding: nonsense\nx=1"])
def test_odd_encodings_never_make_reading_raise(data: bytes) -> None:
    read("train.py", data, Request(root="/nonexistent"))


def test_a_value_too_large_says_so() -> None:
    field = rank("r = 10**10**10")
    assert field.reason is not None
    assert "too large" in field.reason
