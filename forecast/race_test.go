//go:build race

package forecast

// raced: the race detector makes a fit ten times as long.
const raced = true
