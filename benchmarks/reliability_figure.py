"""Reliability diagrams as SVG, without a plotting library."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.confidence.reliability import bins, reliability

__all__ = ["figure"]

Array = NDArray[np.float64]
SIDE, GAP, LEFT, TOP = 150, 34, 54, 44
COLOURS = {"raw": "#b3452c", "calibrated": "#1f6f8b"}


def figure(panels: Mapping[str, Mapping[str, tuple[Array, Array]]], title: str) -> str:
    """One column per panel, one row per way to be confident; each cell is said (x) against came true (y).

    Args:
        panels: Column title -> row title -> (confidences, outcomes), each of shape (n,).
        title: Above everything.
    """
    rows = list(next(iter(panels.values())))
    width, height = LEFT + len(panels) * (SIDE + GAP), TOP + len(rows) * (SIDE + GAP) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="11" fill="#222">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="16" font-size="13" font-weight="bold">{title}</text>',
    ]
    for x, (name, ways) in enumerate(panels.items()):
        left = LEFT + x * (SIDE + GAP)
        parts.append(f'<text x="{left + SIDE / 2}" y="{TOP - 8}" text-anchor="middle">{name}</text>')
        for y, (way, (said, right)) in enumerate(ways.items()):
            parts += _cell(left, TOP + y * (SIDE + GAP), said, right, COLOURS.get(way, "#444"))
    for y, way in enumerate(rows):
        middle = TOP + y * (SIDE + GAP) + SIDE / 2
        parts.append(f'<text transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">{way}: right</text>')
    parts.append(f'<text x="{LEFT}" y="{height - 6}">across: what was said; up: share that was right; 15 bins</text>')
    return "\n".join([*parts, "</svg>", ""])


def _cell(left: float, top: float, said: Array, right: Array, colour: str) -> list[str]:
    found = reliability(said, right)
    parts = [
        f'<rect x="{left}" y="{top}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#999"/>',
        f'<line x1="{left}" y1="{top + SIDE}" x2="{left + SIDE}" y2="{top}" stroke="#bbb" stroke-dasharray="4 3"/>',
        f'<text x="{left + 5}" y="{top + 13}" font-size="10">ECE {found.ece:.3f}, n={found.n:,}</text>',
    ]
    for value in (0.0, 0.5, 1.0):
        at = left + value * SIDE
        parts.append(f'<text x="{at}" y="{top + SIDE + 13}" font-size="9" text-anchor="middle">{value:g}</text>')
        up = top + (1 - value) * SIDE + 3
        parts.append(f'<text x="{left - 4}" y="{up}" font-size="9" text-anchor="end">{value:g}</text>')
    points = [(left + p * SIDE, top + (1 - y) * SIDE, n) for p, y, n in bins(said, right).tolist()]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
    parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    share = len(said) / 15
    parts += [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{2.5 * (n / share) ** 0.5:.1f}" fill="{colour}"/>' for x, y, n in points
    ]
    return parts
