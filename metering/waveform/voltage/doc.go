// Package voltage judges the voltage from the half cycles that the waveform engine finds,
// by the methods of IEC 61000-4-30 Ed. 3 for class S: dips, swells and interruptions of
// all phases together, rapid voltage changes, values over 10 (12 at 60 Hz) and 150 (180)
// cycles and over 10 minutes, flagged where a disturbance lies in them, frequency over
// 10 s and unbalance.
//
// It is a method, and no instrument: the class is that of converter, divider and clock
// with it, and of a test of all of them.
//
// Positions are in samples since the beginning.  The caller says now and then what time
// it was at a position (Analyzer.Clock); nothing here reads a clock.  What the converter
// lost is neither measured nor made up: values say how much of their time was measured.
package voltage
