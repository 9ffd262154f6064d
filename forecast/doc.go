// Package forecast says how much a home or business will use, slot by slot,
// and when its credit will run out, with an honest range around both.
//
// A Forecaster is fed one Observation a slot: the base load, that is the
// site's consumption without the loads the optimizer plans (those are known,
// not guessed).  From the first hour on it answers three questions:
//
//   - Forecast: mean and the 10, 50 and 90 % quantiles of each coming slot;
//   - Scenarios: whole coherent paths, for anything that adds slots up;
//   - Scenarios.RunOut: the distribution of the hour the credit is used up.
//
// The package keeps no clock and does no I/O.  All that is random is drawn
// from a seed in the call, so equal input gives equal output.  Energies inside
// are float64 kWh: a forecast is an estimate, never an account.
package forecast
