// Package waveform measures electricity from the samples of an analogue
// converter: voltage and current of one to three phases in, and out every ten
// cycles (twelve at 60 Hz) the frequency, rms values, powers, harmonics and
// energies, and every disturbance of the voltage as it ends.
//
// How it measures
//
//   - The current is moved in time by a five-tap Lagrange interpolation, to undo
//     the skew of a multiplexed converter and the phase error of the current
//     transformer (an angle, so it becomes a time at the measured frequency).
//     Plain linear interpolation would droop the amplitude.
//   - Half cycles are cut at the zero crossings of the voltage behind a low-pass,
//     whose delay is taken off again.  Sums are cut between samples: a running
//     trapezoid sum is interpolated at each crossing, so that a window holds
//     whole cycles although no sample falls on its ends.
//   - DC is removed from the product: P = mean(ui) - mean(u)*mean(i).
//   - Of the squares the noise floor is taken off; the product is unbiased.
//   - Reactive power is the fundamental's, U1*I1*sin(phi1) (IEEE 1459), positive
//     where the current lags.
//   - Harmonics come from Goertzel's recurrence at multiples of the measured
//     frequency, behind a Hann window, so that a frequency off the nominal one
//     leaks nothing.
//   - Energy is power times the number of samples, in integers of a microjoule
//     with the remainder carried.  No clock is involved.
//   - Below the no-load threshold, judged over some three seconds, nothing is
//     registered.
//
// Lost samples end a window early and mark it.  What was lost is neither
// measured nor made up.
package waveform
