// Package loads describes the appliances that can wait, keeps account of what
// each has been given, and guards the switches they hang on.
//
// Its parts, in the order one sample meets them:
//
//   - Document is a load as a person writes it down; Load is the same, checked
//     and compiled for the site's time zone.
//   - Progress is what a load was given in its present need-day.  From it
//     Load.Requests tells the optimizer what is still owed, and by when.
//   - Guard stands between the plan and the switches: protection first, minimum
//     times and staggered starts next, and a command that is not confirmed is
//     repeated with back-off until it is, or reported.
//   - Switch is the port to one relay, plug or contactor, which is told a
//     Setpoint; what it takes besides off and on is its Capability.  The folders
//     below hold its drivers and loadstest the suite that each of them passes.
//
// Apart from the drivers nothing here reads a clock or does any I/O.
package loads
