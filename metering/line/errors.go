package line

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/keeplit/keeplit/metering"
)

// OpenError puts what failed to open into the meter's terms.
func OpenError(what string, err error) error {
	remedy := "check that it is connected, and that its name is right"
	var unknown *net.DNSError
	var network *net.OpError
	switch {
	case errors.Is(err, os.ErrPermission):
		remedy = "put the user that runs keeplit into the group that owns the device (dialout)"
	case errors.As(err, &unknown):
		remedy = "check the name, or write the address in numbers"
	case errors.Is(err, syscall.ECONNREFUSED):
		remedy = "check the port; a serial server that takes one client only refuses the next: end the other one"
	case errors.As(err, &network):
		remedy = "check the address, and that the serial server has power and is in the network"
	}
	return &metering.Error{Code: metering.Offline, Op: "open " + what, Err: err, Remedy: remedy}
}

// Broken puts what broke an open line into the meter's terms.
func Broken(op string, err error) error {
	remedy := "check the cable and the adapter"
	var network *net.OpError
	if errors.Is(err, errEnded) || errors.As(err, &network) {
		remedy = "if it lasts, look who else is connected: many serial servers take one client only"
	}
	return &metering.Error{Code: metering.Offline, Op: op, Err: err, Remedy: remedy}
}

// ReadError puts a failed read into the meter's terms: Short where some of the
// answer had come, Silent where none had, Offline where the line itself broke.
func ReadError(op string, got int, err error) error {
	switch {
	case !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled):
		return Broken(op, err)
	case got > 0:
		return &metering.Error{Code: metering.Short, Op: op, Err: fmt.Errorf("only %d bytes came", got), Remedy: "check the speed and parity, and that the line is terminated"}
	}
	return &metering.Error{Code: metering.Silent, Op: op, Err: err, Remedy: "check the address, the speed, and that A and B are not swapped; over a network, the port and the framing"}
}
