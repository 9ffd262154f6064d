//go:build race

package control

// raced: the race detector makes a step ten times as long, and has nothing to
// find where one goroutine makes them all.
const raced = true
