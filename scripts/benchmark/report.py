"""The budget table as text, JSON, Markdown and a picture."""

import json
import os
import platform
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from xml.sax.saxutils import escape


@dataclass
class Line:
    """One measurement; `bound` is 'max' or 'min' of the budget, None where there is none. `against` is what Apache RocketMQ
    took in the same run."""

    name: str
    value: float
    unit: str
    bound: str | None
    budget: float | None
    against: float | None = None

    @property
    def is_met(self) -> bool | None:
        if self.bound is None:
            return None
        return self.value <= self.budget if self.bound == "max" else self.value >= self.budget

    @property
    def used(self) -> float | None:
        """The part of the budget in use: 1 is just met, more is over."""
        if self.bound is None:
            return None
        return self.value / self.budget if self.bound == "max" else self.budget / max(self.value, 1e-9)

    @property
    def times_better(self) -> float | None:
        """How many times better than Apache RocketMQ: more where it is a rate, less where it is a cost or a time."""
        if self.against is None:
            return None
        ours, theirs = max(self.value, 1e-9), max(self.against, 1e-9)
        return ours / theirs if self.unit.endswith("/s") else theirs / ours

    def value_text(self) -> str:
        return number_text(self.value)

    def budget_text(self) -> str:
        return "" if self.bound is None else f"{'<=' if self.bound == 'max' else '>='} {self.budget:,}"

    def verdict(self) -> str:
        return {True: "met", False: "MISSED", None: ""}[self.is_met]

    def text(self) -> str:
        return f"{self.name:58} {self.value_text():>10} {self.unit:15} {self.budget_text():12} {self.verdict()}"

    def against_text(self) -> str:
        return f"{self.name:58} {number_text(self.against):>10} {self.unit:15} Apache RocketMQ: {self.times_better:.2f} times"


def number_text(value: float) -> str:
    places = 0 if value >= 1000 else 1 if value >= 10 else 4 if value < 0.1 else 3
    return f"{value:,.{places}f}"


def machine() -> str:
    """Where and when it was measured."""
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.release()}, {date.today().isoformat()}"


def write_reports(lines: list[Line], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "latest.json").write_text(json.dumps(
        {"machine": machine(), "lines": [
            {**line.__dict__, "met": line.is_met, "timesBetter": line.times_better} for line in lines]}, indent=2) + "\n")
    rows = "".join(
        f"| {line.name} | {line.value_text()} {line.unit} | {line.budget_text()} | {line.verdict()} |\n"
        for line in lines)
    (folder / "latest.md").write_text(
        f"# Budgets, measured by `scripts/bench`\n\n{machine()}. The picture shows the part of each budget in use; "
        f"left of the line is within it.\n\n![budgets](latest.svg)\n\n"
        f"| What | Measured | Budget | |\n|---|---|---|---|\n{rows}")
    if compared := [line for line in lines if line.against is not None]:
        with (folder / "latest.md").open("a") as file:
            file.write("\n## Against Apache RocketMQ, in the same run\n\n| What | Apache RocketMQ | Ours | Times better |\n"
                       "|---|---|---|---|\n")
            for line in compared:
                file.write(f"| {line.name} | {number_text(line.against)} {line.unit} | {line.value_text()} | "
                           f"{line.times_better:.2f} |\n")
    (folder / "latest.svg").write_text(picture([line for line in lines if line.used is not None]))


def picture(lines: list[Line]) -> str:
    height, left, scale, most = 22, 430, 220, 2.0
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + int(scale * most) + 70}" '
        f'height="{height * len(lines) + 30}" font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for index, line in enumerate(lines):
        y = index * height + 8
        colour = "#2a7f62" if line.is_met else "#c0392b"
        width = max(1, int(min(line.used, most) * scale))
        parts.append(f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{escape(line.name)}</text>')
        parts.append(f'<rect x="{left}" y="{y}" width="{width}" height="{height - 6}" fill="{colour}"/>')
        parts.append(f'<text x="{left + width + 5}" y="{y + 13}">{line.used * 100:.0f} %</text>')
    bottom = height * len(lines) + 8
    parts.append(f'<line x1="{left + scale}" y1="2" x2="{left + scale}" y2="{bottom}" stroke="black"/>')
    parts.append(f'<text x="{left + scale}" y="{bottom + 14}" text-anchor="middle">budget</text></svg>')
    return "\n".join(parts) + "\n"
