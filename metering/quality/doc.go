// Package quality keeps a week of what the voltage was, and says which of the promises of
// EN 50160 for low voltage it kept.
//
// A value over 10 minutes counts where three quarters of its time were measured and no
// dip, swell or interruption lies in it (it is flagged then).  What was not measured is
// never taken for good: without nine tenths of a week's values it is not said that
// a promise was kept; that it was broken is said as soon as nothing can mend it.
//
// Values come of a converter's samples, or are means of the voltages that a meter tells;
// the latter see no dips, no harmonics and no flicker, and it is said so.
//
// The state is a plain value that survives encoding/json unchanged.
package quality
