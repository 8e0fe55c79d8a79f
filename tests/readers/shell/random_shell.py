"""Makes harmless shell programs: assignments, expansions, loops; ``show`` prints its words."""

from random import Random

_NAMES = ("A", "B", "C", "N")
_TEXTS = ("x", "a b", "1", "--lr", "foo.tar.gz", "/p/q.r", "", "UP", "aXbXc", "-7", "  lead  ")
_PATTERNS = ("a", "*", "*.", "?", ".*", "X", "*/", "[a-c]")
_LISTS = (
    "${L[0]}", "${L[@]}", "${#L[@]}", "${L[*]}", "${L[-1]}", "${!L[@]}", "${L[@]:1}", "${L[@]/a/b}",
)  # fmt: skip
_OTHERS = (
    "{a,b}", "x{1..3}", "{a,b}{c,d}", "{x}", "{1..9..4}", "a{,b}", "{03..1}", "$'a\\tb'", "\\$A",
    '"\\$A\\n"', "$(basename /a/b.c .c)", "$(dirname /a/b/c)",
)  # fmt: skip
_SIGNS = ("+", "-", "*", "<", "==", "&&", "||", "<<", "&", "|", "^", "!=", ">=", "**", "%", "/")
_TESTS = ("$A == *a*", "$B != x* && -n $C", "-z $N || $A == UP", "$I -gt J", "! $A == 1")
START = "A='v w'; B=foo.tar.gz; C=; N=12; I=3; J=5; L=(one 'two x' three); set -- p 'q r'\n"
END = '\nshow "$A" "$B" "$C" "$N" "$I" "$J" "$#" "${L[@]}"\n'


def program(random: Random) -> str:
    """A program of a few statements, which shows all its variables at the end."""
    count = random.randint(2, 7)
    return START + "\n".join(_statement(random, 0) for _ in range(count)) + END


def _quoted(random: Random) -> str:
    text = random.choice(_TEXTS)
    plain = text.replace(" ", "\\ ") or "''"
    return random.choice((f"'{text}'", f'"{text}"', plain))


def _arithmetic(random: Random, depth: int = 0) -> str:
    if depth > 2 or random.random() < 0.4:
        return random.choice(("1", "2", "7", "I", "J", "10", "$I"))
    one, two = _arithmetic(random, depth + 1), _arithmetic(random, depth + 1)
    forms = (f"{one} {random.choice(_SIGNS)} {two}",) * 6
    more = (f"({one})", f"-{one}", f"!{one}", f"{one} ? {two} : {one}", "I++", "J+=2", "--I")
    return random.choice((*forms, *more))


def _expansion(random: Random) -> str:
    name, pattern = random.choice(_NAMES), random.choice(_PATTERNS)
    operators = (
        "", ":-d e", "-d", ":+al t", "+z", f"%{pattern}", f"%%{pattern}", f"#{pattern}",
        f"##{pattern}", f"/{pattern}/Q", f"//{pattern}/-", "^^", ",", "^", ":1", ":1:2", ": -2",
    )  # fmt: skip
    kind = random.random()
    if kind < 0.6:
        return f"${{{name}{random.choice(operators)}}}"
    if kind < 0.8:
        return random.choice(_LISTS)
    more = (f"${name}", f"${{#{name}}}", f"$(echo ${name})", f'$(printf %s "${name}")')
    return random.choice((*more, f"$(( {_arithmetic(random)} ))"))


def _word(random: Random) -> str:
    kind = random.random()
    if kind < 0.25:
        return _quoted(random)
    if kind < 0.6:
        return _expansion(random)
    if kind < 0.85:
        return f'"{random.choice(("", "p"))}{_expansion(random)}"'
    if kind < 0.93:
        return f"{random.choice(('--x=', 'p'))}{_expansion(random)}{random.choice(('', '.z'))}"
    return random.choice(_OTHERS)


def _test(random: Random) -> str:
    expansion = f'"{_expansion(random)}"'
    forms = (f"-z {expansion}", f"-n {expansion}", "$I -gt 3", f"{expansion} = {_quoted(random)}")
    return random.choice(forms)


def _statement(random: Random, depth: int) -> str:
    if depth > 2:
        return f"{random.choice(_NAMES)}={_word(random)}"
    name, inner = random.choice(_NAMES), _statement(random, depth + 1)
    one, two = _word(random), _word(random)
    forms = (
        f"{name}={one}",
        f"{name}={one}",
        f"{name}+={_quoted(random)}",
        f"L=({one} {two})",
        f"L+=({one})",
        f"I=$(( {_arithmetic(random)} ))",
        f'for {name} in {one} {two}; do {inner}; show "{_expansion(random)}"; done',
        f"if [ {_test(random)} ]; then {inner}; else show {one}; fi",
        f"if [[ {random.choice(_TESTS)} ]]; then {inner}; fi",
        f'case "${name}" in x|UP) {inner};; *a*) show a;; *) show {one};; esac',
        f'f() {{ local A=$1; {inner}; show "$A" "$#" "$@"; }}; f {one} {two}',
        "for ((i=0;i<3;i++)); do show $i; done",
        f'set -- {one} {two}; shift; show "$@" $#',
        f"read -r A B <<< {one}",
        "while [ $I -lt 4 ]; do I=$((I+1)); show $I; done",
        f'[ "$A" = x ] && {inner} || show {two}',
        f'( {inner}; show "$A" ); show "$A"',
        f"show {one} {two}",
        f"show {one} {two}",
    )
    return random.choice(forms)
