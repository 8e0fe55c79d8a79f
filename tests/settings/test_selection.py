import pytest

from qlint.errors import UsageError
from qlint.settings.selection import check_selectors, selected_codes

NAMES = {"QL101": "learning-rate", "QL102": "checkpointing", "QL201": "compute-dtype"}


@pytest.mark.parametrize(
    ("select", "ignore", "expected"),
    [
        (["ALL"], [], {"QL101", "QL102", "QL201"}),
        (["QL1"], [], {"QL101", "QL102"}),
        (["ql101", "compute-dtype"], [], {"QL101", "QL201"}),
        (["ALL"], ["QL1"], {"QL201"}),
        (["ALL", "QL101"], ["QL1"], {"QL101", "QL201"}),
        (["QL101"], ["QL101"], set()),
        (["QL101"], ["learning-rate"], set()),
        ([], [], set()),
    ],
)
def test_the_longer_selector_wins(select: list[str], ignore: list[str], expected: set[str]) -> None:
    assert selected_codes(NAMES, select, ignore) == expected


def test_a_selector_without_a_rule_is_refused_with_a_near_name() -> None:
    check_selectors(NAMES, ["QL1", "all", "Checkpointing"], "select")
    with pytest.raises(UsageError, match="select: no rule is called 'QL111'; did you mean QL101"):
        check_selectors(NAMES, ["QL111"], "select")
