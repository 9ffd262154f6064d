//go:build race

package control

// raceDetector tells whether the tests run under it.
const raceDetector = true
