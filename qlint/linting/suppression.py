"""Suppression comments: ``# qlint: ignore[QL101]``, ``# qlint: ignore-file``, ``# noqa: QL101``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from qlint.findings import Finding, Location
from qlint.inputs.comments import Comment, find_comments, find_notebook_comments

MARKERS = (b"qlint:", b"noqa", b"NOQA")
"""A file without any of these holds no suppression; the search saves looking for comments."""

_QLINT = re.compile(r"#\s*qlint:\s*(?P<verb>ignore-file|ignore)\b\s*(?:\[(?P<codes>[^\]]*)\])?")
_NOQA = re.compile(
    r"#\s*noqa\b(?P<colon>:)?\s*(?P<codes>[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*)?", re.I
)
_CODE = re.compile(r"[^\s,]+")


class Suppression:
    """One comment that silences findings on the lines of its statement, or in the whole file."""

    def __init__(
        self, comment: Comment, codes: Collection[str] | None, *, whole_file: bool
    ) -> None:
        self.comment = comment
        self.codes = codes
        """The codes it names; None when it names none and so means all."""
        self.whole_file = whole_file
        self.used: set[str] = set()

    def silences(self, finding: Finding) -> bool:
        """Tell whether this comment is about ``finding``, and remember it as used if so."""
        if self.codes is not None and finding.code not in self.codes:
            return False
        if not (self.whole_file or self._is_near(finding.location)):
            return False
        self.used.add(finding.code)
        return True

    def _is_near(self, location: Location) -> bool:
        """A comment counts on its own line, and at either end of a statement over many lines."""
        comment = self.comment
        if comment.cell != location.cell:
            return False
        last = location.end_line or location.line
        if comment.line in range(location.line, last + 1):
            return True
        at_an_end = comment.line in (comment.first_line, comment.last_line)
        return at_an_end and comment.first_line <= location.line <= comment.last_line

    def unused(self) -> Iterator[str | None]:
        """Yield the codes that silenced nothing; None for a comment that names none."""
        if self.codes is not None:
            yield from (code for code in self.codes if code not in self.used)
        elif not self.used:
            yield None


def find_suppressions(data: bytes, suffix: str) -> list[Suppression]:
    """Return the suppressions of an input in the order in which they stand."""
    if not any(marker in data for marker in MARKERS):
        return []
    if suffix == ".ipynb":
        comments = find_notebook_comments(data)
    else:
        text = data.decode("utf-8-sig", errors="replace")
        comments = find_comments(text, python=suffix == ".py")
    found: list[Suppression] = []
    for comment in comments:
        found += _read(comment)
    return found


def _read(comment: Comment) -> Iterator[Suppression]:
    for match in _QLINT.finditer(comment.text):
        codes = None if match["codes"] is None else _codes(match["codes"])
        yield Suppression(comment, codes, whole_file=match["verb"] == "ignore-file")
    for match in _NOQA.finditer(comment.text):
        if not match["colon"]:
            yield _BareNoqa(comment, None, whole_file=False)
        elif codes := [code for code in _codes(match["codes"] or "") if code.startswith("QL")]:
            yield Suppression(comment, codes, whole_file=False)


class _BareNoqa(Suppression):
    """``# noqa`` alone: it may be there for any tool, so it is never reported as unused."""

    def unused(self) -> Iterator[str | None]:
        yield from ()


def _codes(text: str) -> list[str]:
    return list(dict.fromkeys(code.upper() for code in _CODE.findall(text)))
