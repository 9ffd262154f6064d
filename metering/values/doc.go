// Package values is the one description of a meter that speaks JSON, or bare numbers:
// what stands where, in which unit, and how old it may be.  The drivers http and mqtt
// read by it; what brings the messages is theirs.
//
// A message counts only as a whole: a number at every place that is named for it, be
// it in quotes.  A missing number is no zero, and any other text is none.  Where
// several messages make one meter, what is told of one quantity (the powers, say)
// counts as long as no part of it is older than it may be.
package values
