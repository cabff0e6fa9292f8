"""One meaning, one colour, in every figure and widget (Okabe and Ito's palette for all eyes).

Colour never says anything alone: each thing has a shape of its own as well.
"""

from __future__ import annotations

KMS_KEY = "#0072B2"
DATA_KEY = "#E69F00"
PLAINTEXT = "#009E73"
CIPHERTEXT = "#CC79A7"
PRINCIPAL = "#56B4E9"
DENIED = "#D55E00"

INK = "#1A1A1A"  # texts and outlines
QUIET = "#5F5F5F"  # what is not the point; 6.4:1 on PAPER
FAINT = "#E4E4E4"  # what has not happened yet
PAPER = "#FFFFFF"  # figures bring their own ground, so they read the same in a dark JupyterLab
