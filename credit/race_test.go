//go:build race

package credit_test

// raced: the race detector makes the walks ten times as long, and has nothing to
// find in pure functions.
const raced = true
