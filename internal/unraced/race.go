//go:build race

package unraced

// Detector tells whether the race detector is built in.
const Detector = true
