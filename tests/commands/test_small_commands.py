import json
from pathlib import Path

import pytest
from conftest import Call

from qlint.settings.in_force import Settings
from qlint.settings.values import CONVERTERS


def test_rules_lists_every_rule(qlint: Call) -> None:
    status, output, _ = qlint("rules")
    assert status == 0
    assert "QL901  high-rate           warning  pitfall 1  A toy rule" in output
    document = json.loads(qlint("rules", "--output-format", "json")[1])
    assert [rule["code"] for rule in document["rules"]] == [
        *("QL001", "QL002", "QL901", "QL902", "QL903", "QL904")
    ]


@pytest.mark.parametrize("topic", ["QL901", "ql901", "high-rate"])
def test_explain_prints_the_page(qlint: Call, topic: str) -> None:
    status, output, _ = qlint("explain", topic)
    assert status == 0
    assert output.startswith("# high-rate (QL901)\n")


def test_explain_renders_in_colour(qlint: Call) -> None:
    output = qlint("explain", "QL901", "--color")[1]
    assert "\x1b[" in output
    assert "# high-rate" not in output


def test_explain_refuses_what_is_not_there(qlint: Call) -> None:
    status, output, error = qlint("explain", "high-rat")
    assert (status, output) == (2, "")
    assert error == "qlint: no rule is called 'high-rat'; did you mean high-rate?\n"


def test_config_says_where_each_setting_was_read(qlint: Call) -> None:
    Path("qlint.toml").write_text('gpu = "24GB"\nignore = ["QL902"]')
    document = json.loads(qlint("config", "--fail-on", "info", "--output-format", "json")[1])
    assert document["gpu"] == {"value": "24GB", "origin": str(Path("qlint.toml").absolute())}
    assert document["fail-on"] == {"value": "info", "origin": "--fail-on"}
    assert document["select"] == {"value": ["ALL"], "origin": "default"}
    output = qlint("config")[1]
    assert f'gpu              = "24GB"  # {Path("qlint.toml").absolute()}' in output
    assert 'ignore           = ["QL902"]' in output


def test_every_setting_of_a_file_is_an_attribute() -> None:
    settings = Settings()
    for name in CONVERTERS:
        settings.get(name)
