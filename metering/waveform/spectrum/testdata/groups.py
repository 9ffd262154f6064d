#!/usr/bin/env python3
"""Subgroups of IEC 61000-4-7 by NumPy, for groups_test.go: python3 groups.py > groups.json

The signal is sampled so that the window is a whole number of samples, and transformed
as the standard defines it: no interpolation.  Nothing here knows of the kernel.
"""
import json
import numpy as np

parts, out = 8192, []
rng = np.random.default_rng(20260301)
for hz, n in ((50, 10), (42.5, 10), (57.5, 10), (49.87, 10), (60, 12), (58.3, 12)):
    orders = 30
    tones = [[1, 230.0, 0.3]]  # multiple of the fundamental, V rms, phase
    for h in range(2, orders + 1):
        tones.append([h, float(np.round(230 * rng.uniform(0.0005, 0.06) / np.sqrt(h), 4)), float(np.round(rng.uniform(0, 6.28), 4))])
    for m in (0.4, 1.3, 2.5, 7.2, 14.7, 21.5):  # between the harmonics, on lines and beside
        tones.append([float(np.round(m, 4)), float(np.round(230 * rng.uniform(0.001, 0.01), 4)), 1.0])
    tones.append([19.34, 2.3, 0.5])  # a signal that lies on no line
    t = np.arange(parts) / parts * n  # in cycles
    u = sum(a * np.sqrt(2) * np.sin(2 * np.pi * m * t + p) for m, a, p in tones)
    c2 = np.abs(np.fft.rfft(u) / parts * np.sqrt(2)) ** 2
    sub = [float(np.sqrt(c2[n * h - 1:n * h + 2].sum())) for h in range(1, orders + 1)]
    inter = [float(np.sqrt(c2[n * h + 2:n * (h + 1) - 1].sum())) for h in range(1, orders)]
    low = int(np.floor(19.34 * n))
    out.append(dict(hz=hz, cycles=n, tones=tones, harmonics=sub, inter=inter,
                    below=float(np.sqrt(c2[2:n - 1].sum())),
                    thds=float(np.sqrt(sum(v * v for v in sub[1:])) / sub[0]),
                    signal_at=19.34, signal=float(np.sqrt(c2[low - 1:low + 3].sum()))))
print(json.dumps(out))
