"""The rows as Markdown tables, between two marks of the document."""

from __future__ import annotations

from .row import Row, Section

BEGIN = "<!-- rows: written by npm run gen -- compatibility, driven by npm test -->"
END = "<!-- end of rows -->"


def render(sections: list[Section]) -> str:
    return "\n\n".join(table(section) for section in sections)


def table(section: Section) -> str:
    lines = [f"### {section.title}", "", "| case | TensorFlow Serving | here |", "|---|---|---|"]
    return "\n".join(lines + [line(row) for row in section.rows])


def line(row: Row) -> str:
    here = "same" if row.here == "" else f"**{row.here}**: {row.why}"
    return f"| {row.case} | {row.serving} | {here} |"


def replace(text: str, tables: str) -> str:
    """`text` with the tables between its marks. Raises ValueError where it has none."""
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if end == "":
        raise ValueError(f"the document has no line {BEGIN} with {END} after it")
    return f"{before}{BEGIN}\n\n{tables}\n\n{end}{after}"
