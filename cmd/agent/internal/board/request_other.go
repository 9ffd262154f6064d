//go:build !linux

package board

import "errors"

func requestLines(request) (Lines, error) {
	return nil, errors.New("GPIO lines are requested on Linux only")
}

func allOutputs(request) (bool, error) { return false, nil }
