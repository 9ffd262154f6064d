// Package spectrum makes of 10 (12 at 60 Hz) whole cycles of a voltage the harmonic and
// interharmonic subgroups of IEC 61000-4-7 (2002 with amendment 1), and the level of
// mains signalling.
//
// The standard wants a window that holds the cycles to 0.03 %.  The cycles are therefore
// cut into equal parts first, by a windowed sinc through the samples, and their Fourier
// transform has a line each tenth (twelfth) of the fundamental.  What the interpolation
// takes from the highest orders is put back.
package spectrum
