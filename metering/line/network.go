package line

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
)

// OnNetwork tells whether a meter's port is a network address, as of a serial
// server, and not a device.
func OnNetwork(port string) bool { return strings.Contains(port, ":") && !strings.HasPrefix(port, "/") }

// CheckAddress adds a fault where port is meant to be a network address and is none.
func CheckAddress(l *fault.List, path, port string) {
	if !OnNetwork(port) {
		// A host or a port alone, both with a space, or another system's name of a device:
		// opening it would say only that there is no such file.
		_, digits := strconv.Atoi(strings.TrimPrefix(strings.ToUpper(port), "COM"))
		if digits == nil || net.ParseIP(port) != nil || !strings.HasPrefix(port, "/") && strings.Contains(port, " ") {
			l.Add(path, "write the device from its root, e.g. /dev/serial/by-id/..., or an address with its port, e.g. 192.168.1.40:502", "%q is neither a device nor host:port", port)
		}
		return
	}
	host, number, err := net.SplitHostPort(port)
	n, digits := strconv.Atoi(number)
	_, name := net.LookupPort("tcp", number)
	if err != nil || host == "" || number == "" || strings.Contains(port, "/") || digits == nil && (n < 1 || n > 65_535) || digits != nil && name != nil {
		l.Add(path, "write it like 192.168.1.40:4001, with brackets about an IPv6 address", "%q is not host:port", port)
	}
}

// dialTime is how long a connection may take to come about.
const dialTime = 5 * time.Second

// TCP opens a network connection to host:port.
func TCP(address string) Opener {
	return func(ctx context.Context) (Conn, error) {
		d := net.Dialer{Timeout: dialTime}
		c, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		return networkConn{c}, nil
	}
}

// networkConn is a connection whose end is told in words.
type networkConn struct{ net.Conn }

// errEnded is the end of a connection that the far side wanted.
var errEnded = errors.New("the other side ended the connection")

func (c networkConn) Read(buf []byte) (int, error) {
	n, err := c.Conn.Read(buf)
	if errors.Is(err, io.EOF) {
		err = errEnded
	}
	return n, err
}

// networked tells whether c is a network connection.  One whose far side is gone
// without a word stays open for ever; a serial line has nothing to be opened anew.
func networked(c Conn) bool {
	_, is := c.(net.Conn)
	return is
}
