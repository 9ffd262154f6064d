// Package metermatrix holds what agent run does with a meter's words against what truly
// passed the meter, for every driver and every fault that its medium can have.
//
// A world has a hidden true energy.  A simulated meter shows it, speaks its real protocol
// over a real transport (a pseudo terminal, a socket, Mosquitto, a GPIO pin), and the real
// driver, built from a configuration, reads it.  Each reading goes through the same
// Site.Step as in agent run.  The judge knows nothing of either: it compares what was
// counted and charged with what truly passed, and looks at the warnings.
//
// Time is the world's and goes on by hand, so that an hour of silence takes as long as it
// takes to step through it.  What waits on the machine's clock (an answer's deadline) does
// so in real time, and the cells of the matrix wait side by side.
//
// There is nothing here but tests: make meters runs all of the matrix and writes its table
// into docs/metering.md; go test runs a short form of it.
package metermatrix
