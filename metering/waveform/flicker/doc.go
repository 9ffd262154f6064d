// Package flicker measures flicker by IEC 61000-4-15 Ed. 2: how much people notice of a
// lamp whose light follows the voltage.
//
// The square of the voltage goes through a triangular mean to some 800 values a second;
// what follows is the standard's own: adaptation to the voltage of the last half minute
// (block 1), a high-pass at 0.05 Hz, a Butterworth low-pass of sixth order and the
// response of lamp, eye and brain (block 3), square and smoothing of 300 ms (block 4),
// and the statistics of 10 minutes (block 5).
//
// The lamps are incandescent ones of 230 V or 120 V, as the standard has them; of LED
// lamps it says little.
package flicker
