"""One look for every figure.

Figures are opaque on white; the book's stylesheet inverts them in dark mode, keeping their hues.
The colours are those of Okabe and Ito, told apart with every common colour blindness
(https://jfly.uni-koeln.de/color/); each series also differs in marker or line.
"""

import base64
import io
from typing import TYPE_CHECKING

from IPython.display import publish_display_data

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, PURPLE, GREY = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#b3123c",
    "#cc79a7",
    "#5f6368",
)
CYCLE = [BLUE, ORANGE, GREEN, PURPLE, GREY]
MARKERS = ["o", "s", "^", "D", "v"]


def use() -> None:
    """Set matplotlib's defaults for this kernel."""
    import matplotlib
    from cycler import cycler

    matplotlib.use("agg")
    matplotlib.rcParams.update(
        {
            "figure.figsize": (7, 3.8),
            "figure.dpi": 100,
            "savefig.dpi": 160,
            "figure.facecolor": "white",
            "figure.constrained_layout.use": True,
            "font.size": 11,
            "axes.titlesize": 12,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#e3e3e3",
            "lines.linewidth": 1.8,
            "lines.markersize": 6,
            "legend.frameon": False,
            "axes.prop_cycle": cycler(color=CYCLE) + cycler(marker=MARKERS),
        }
    )


def tiles(
    rows: "Sequence[str]",
    columns: "Sequence[str]",
    tile: "Callable[[str, str], tuple[str, str]]",
    size: tuple[float, float],
) -> "Figure":
    """A figure of `size` (inches), a tile for each row and column.

    `tile(row, column)` gives its text and its colour; the text carries the meaning.
    """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=size)
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            text, colour = tile(row, column)
            axes.add_patch(plt.Rectangle((x + 0.03, y + 0.05), 0.94, 0.9, color=colour))
            axes.text(x + 0.5, y + 0.5, text, color="white", ha="center", va="center")
    axes.set(xlim=(0, len(columns)), ylim=(len(rows), 0))
    axes.set_xticks([x + 0.5 for x in range(len(columns))], columns)
    axes.set_yticks([y + 0.5 for y in range(len(rows))], rows)
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return figure


def show(figure: "Figure", alt: str) -> None:
    """Display `figure` with `alt`, the sentence that says what a reader who cannot see it misses.

    Raises:
        ValueError: `alt` is too short to say anything.
    """
    if len(alt.split()) < 5:
        raise ValueError("alt text must say what the figure shows, in a sentence")
    png = io.BytesIO()
    figure.savefig(png, format="png", bbox_inches="tight", metadata={"Software": None})
    width = round(figure.get_figwidth() * 100)
    publish_display_data(
        {"image/png": base64.b64encode(png.getvalue()).decode(), "text/plain": f"Figure: {alt}"},
        metadata={"image/png": {"alt": alt, "width": width}},
    )
    figure.clear()
