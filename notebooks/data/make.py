"""Makes the clinic's data: all of it is made up, and the same on every run.

    python notebooks/data/make.py

letter.txt   a letter to a patient, shorter than 4,096 bytes
visits.csv   a table of 400 visits, longer than that
xray.png     a picture of 1,600 by 1,200 points that looks a little like an X-ray of a chest
"""

from __future__ import annotations

import csv
import random
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
LETTER = """\
Clinic at the Lake
14 January 2026

Dear Ms Okafor,

your X-ray of 12 January shows no fracture. The bruise at the seventh rib
heals by itself; please rest for two weeks and don't lift more than five
kilograms. We'd like to see you again on 28 January at 9.20.

Kind regards
Dr Lindqvist
"""
REASONS = ("check-up", "fracture", "cough", "vaccination", "X-ray", "bandage", "blood test")


def visits() -> list[list[str]]:
    """A header and 400 rows: visit, date, patient number, reason, minutes."""
    chance = random.Random(17)
    rows = [["visit", "date", "patient", "reason", "minutes"]]
    for number in range(1, 401):
        date = f"2026-{chance.randint(1, 6):02}-{chance.randint(1, 28):02}"
        patient, minutes = chance.randint(1, 90), chance.choice((10, 15, 20, 30, 45))
        rows.append([str(number), date, str(patient), chance.choice(REASONS), str(minutes)])
    return rows


def xray() -> Image.Image:
    """Two dark lungs in a grey chest, a bright spine, ribs, and the grain of film."""
    y, x = np.mgrid[-1:1:1200j, -1.33:1.33:1600j]
    light = 150 * np.exp(-((x / 1.05) ** 4) - (y / 1.15) ** 6)
    for side in (-1, 1):
        light -= 95 * np.exp(-(((x - side * 0.45) / 0.34) ** 4) - ((y - 0.05) / 0.72) ** 4)
        for rib in range(9):
            middle = -0.72 + 0.18 * rib + 0.5 * (np.abs(x - side * 0.02) - 0.45) ** 2
            arc = np.exp(-(((y - middle) / 0.022) ** 2))
            light += 48 * arc * np.exp(-(((x - side * 0.47) / 0.42) ** 6))
    light += 70 * np.exp(-((x / 0.09) ** 2)) * (0.82 + 0.18 * np.cos(38 * y))
    light += 60 * np.exp(-(((x + 0.14) / 0.3) ** 2) - ((y - 0.3) / 0.28) ** 2)
    light += np.random.default_rng(17).normal(0, 2.5, light.shape)
    return Image.fromarray(np.clip(light, 0, 255).astype(np.uint8))


def main() -> None:
    """Writes the three files beside this one."""
    (HERE / "letter.txt").write_text(LETTER)
    with (HERE / "visits.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(visits())
    xray().save(HERE / "xray.png", optimize=True)


if __name__ == "__main__":
    main()
