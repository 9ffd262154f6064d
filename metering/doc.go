// Package metering turns what a meter says into energy that can be charged for.
//
// A driver (the folders below this one) reads one kind of meter and emits
// Readings: a Sample, or an Error that says what went wrong and what to do.
// Registers takes the samples one after another and answers how much was used
// since the last one.  Its rule is that only energy which some meter really
// counted is ever charged:
//
//   - a meter with an energy register is believed to the last unit, also over
//     hours without contact, because that energy was used;
//   - a meter that only tells power is integrated over short steps, and a long
//     silence stays a gap;
//   - a register that runs backwards, or further forward than the supply could
//     carry, is an event for a person to look at and never consumption.
//
// Intervals lays consumption on the clock grid for profiles and bills, Demand
// finds the greatest mean power, and Watch tells disturbances of the supply
// and signs of tampering.
//
// Nothing here reads a clock or does I/O: time comes in with each Sample.  The
// states (Registers, Intervals, Demand, Watch) are plain values that survive a
// round trip through encoding/json unchanged, so that a process killed at any
// moment goes on from what it stored.
package metering
