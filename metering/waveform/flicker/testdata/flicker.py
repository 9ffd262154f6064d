#!/usr/bin/env python3
"""A flickermeter by SciPy, for flicker_test.go: python3 flicker.py > flicker.json

The chain of IEC 61000-4-15 Ed. 2 with its analogue transfer functions, simulated at 2000
values a second on the envelope's own square (no carrier, no decimation), scaled by a run
at 8.8 Hz.  Nothing here knows of the Go code.  The fluctuations are steps of a level at
given times, so that they need no random numbers on the other side.
"""
import json
import numpy as np
from scipy import signal

LAMPS = {
    "230/50": (1.74802, 4.05981, 9.15494, 2.27979, 1.22535, 21.9, 35.0, 0.00250),
    "120/60": (1.6357, 4.167375, 9.077169, 2.939902, 1.394468, 17.31512, 42.0, 0.00321),
}
FS = 2000.0


def chain(lamp):
    k, lam, w1, w2, w3, w4, corner, unit = LAMPS[lamp]
    lam, w1, w2, w3, w4 = (2 * np.pi * x for x in (lam, w1, w2, w3, w4))
    e = 2 * np.pi * 0.05
    parts = [((1, 0), (1, e))]
    parts.append(signal.butter(6, 2 * np.pi * corner, analog=True))
    parts.append(((k * w1, 0), (1, 2 * lam, w1 * w1)))
    parts.append(((1 / w2, 1), np.polymul((1 / w3, 1), (1 / w4, 1))))
    return parts, unit


def instant(level, lamp, scale):
    parts, _ = chain(lamp)
    t = np.arange(len(level)) / FS
    square = level ** 2
    b, a = signal.bilinear((1,), (27.3, 1), FS)
    ref, _ = signal.lfilter(b, a, square, zi=signal.lfilter_zi(b, a) * square[0])
    x = square / ref - 1
    for num, den in parts:
        z, p, g = signal.tf2zpk(num, den)
        sos = signal.zpk2sos(*signal.bilinear_zpk(z, p, g, FS))
        x = signal.sosfilt(sos, x)
    b, a = signal.bilinear((1,), (0.3, 1), FS)
    return scale * signal.lfilter(b, a, x * x)


def severity(p):
    q = lambda *c: np.mean([np.quantile(p, 1 - x / 100) for x in c])
    return float(np.sqrt(0.0314 * q(0.1) + 0.0525 * q(0.7, 1, 1.5) + 0.0657 * q(2.2, 3, 4)
                         + 0.28 * q(6, 8, 10, 13, 17) + 0.08 * q(30, 50, 80)))


out = []
rng = np.random.default_rng(7)
for lamp in LAMPS:
    unit = LAMPS[lamp][-1]
    t = np.arange(int(60 * FS)) / FS
    p = instant(1 + unit / 2 * np.sin(2 * np.pi * 8.8 * t), lamp, 1.0)
    scale = 1 / p[int(30 * FS):].max()
    for name, every, size in (("rare and large", 40.0, 0.03), ("some", 5.0, 0.015), ("often and small", 0.35, 0.006)):
        times = [float(np.round(x, 3)) for x in np.cumsum(rng.exponential(every, int(1000 / every))) + 30 if x < 720]
        levels = [float(np.round(1 + size * rng.uniform(-1, 1), 5)) for _ in times]
        t = np.arange(int(720 * FS)) / FS
        level = np.concatenate(([1.0], levels))[np.searchsorted(times, t, side="right")]
        p = instant(level, lamp, scale)[int(120 * FS):]
        out.append(dict(lamp=lamp, name=name, times=times, levels=levels, pst=severity(p), pinst_max=float(p.max())))
print(json.dumps(out))
