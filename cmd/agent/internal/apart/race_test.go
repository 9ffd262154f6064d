//go:build race

package apart

// raceDetector tells whether the tests run under it.
const raceDetector = true
