//go:build !race

package planner

// raceDetector tells whether the tests run under it.
const raceDetector = false
