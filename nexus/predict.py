"""A prediction, written before the experiment, beside what was measured."""

import html
from collections.abc import Mapping
from typing import Any


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.3g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


class Comparison:
    """Rows of (what, predicted, measured), shown as a table."""

    def __init__(self, rows: list[tuple[str, Any, Any]]):
        self.rows = rows

    def _cells(self) -> list[tuple[str, str, str, str]]:
        def verdict(predicted: Any, measured: Any) -> str:
            if predicted is None:
                return "no prediction"
            if predicted == measured:
                return "as predicted"
            try:
                factor = max(predicted, measured) / min(predicted, measured)
            except (TypeError, ZeroDivisionError):
                return "not as predicted"
            return f"off by a factor of {factor:,.3g}"

        return [(what, _text(p), _text(m), verdict(p, m)) for what, p, m in self.rows]

    def __repr__(self) -> str:
        table = [("", "predicted", "measured", ""), *self._cells()]
        widths = [max(len(row[i]) for row in table) for i in range(4)]
        return "\n".join(
            f"{what:<{widths[0]}}  {p:>{widths[1]}}  {m:>{widths[2]}}  {v}".rstrip()
            for what, p, m, v in table
        )

    def _repr_html_(self) -> str:
        head = "<tr><th scope='col'>what</th><th scope='col'>predicted</th>"
        head += "<th scope='col'>measured</th><th scope='col'>verdict</th></tr>"
        body = "".join(
            f"<tr><th scope='row'>{html.escape(what)}</th>"
            + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
            + "</tr>"
            for what, *cells in self._cells()
        )
        return (
            f"<table class='dataframe nexus-predict'><thead>{head}</thead>"
            f"<tbody>{body}</tbody></table>"
        )


def compare(prediction: Mapping[str, Any], measured: Mapping[str, Any]) -> Comparison:
    """Set each measured value beside what was predicted under the same name.

    A name that was not predicted shows a dash, so that an emptied prediction cell does not fail.

    Raises:
        KeyError: something was predicted that was not measured (a misspelt name).
    """
    if unknown := sorted(set(prediction) - set(measured)):
        raise KeyError(f"predicted but not measured: {', '.join(unknown)}")
    return Comparison([(name, prediction.get(name), value) for name, value in measured.items()])
