"""YAML, JSON and TOML as one light tree of nodes with positions. Nothing is ever constructed."""

from __future__ import annotations

from qlint.readers.documents.nodes import Document, Refusal

__all__ = ["Document", "Refusal", "load"]

MAXIMUM_BYTES = 2_000_000
"""A configuration has some kilobytes; what is larger is data and is refused before decoding."""


def load(data: bytes, suffix: str) -> list[Document]:
    """The documents of a file. Raises Refusal for what cannot, or should not, be read."""
    if len(data) > MAXIMUM_BYTES:
        size = f"{len(data) / 1e6:.1f} MB, more than the {MAXIMUM_BYTES / 1e6:.0f} MB"
        raise Refusal(f"the file has {size} of a configuration that qlint reads", hostile=True)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        start = data.rfind(b"\n", 0, error.start) + 1
        column = len(data[start : error.start].decode("utf-8", "replace")) + 1
        byte = f"byte 0x{data[error.start]:02x} at offset {error.start}"
        message = f"{byte} is not valid utf-8: save it as UTF-8"
        raise Refusal(message, line, column, hostile=True) from None
    if suffix == ".json":
        from qlint.readers.documents.json_tree import read_json

        return read_json(text)
    if suffix == ".toml":
        from qlint.readers.documents.toml_tree import read_toml

        return read_toml(text)
    from qlint.readers.documents.yaml_tree import read_yaml

    return read_yaml(text)
