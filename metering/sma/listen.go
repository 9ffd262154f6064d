package sma

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Listen opens a socket on a port that other programs may listen on too, and joins the
// meters' group on the interface of that name; without a name on that of the route to the
// group, and not at all where join is false: what is sent to this machine alone comes
// either way.
func Listen(iface string, port int, join bool) func(ctx context.Context) (net.PacketConn, error) {
	return func(ctx context.Context) (net.PacketConn, error) {
		req := unix.IPMreqn{}
		copy(req.Multiaddr[:], net.ParseIP(group).To4())
		if iface != "" {
			i, err := net.InterfaceByName(iface)
			if err != nil {
				return nil, fmt.Errorf("interface %s: %w", iface, err)
			}
			req.Ifindex = int32(i.Index)
		}
		lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
			var failed error
			err := c.Control(func(fd uintptr) {
				failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
				if failed == nil && join {
					if failed = unix.SetsockoptIPMreqn(int(fd), unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, &req); failed != nil {
						failed = fmt.Errorf("join %s: %w", group, failed)
					}
				}
			})
			return errors.Join(err, failed)
		}}
		return lc.ListenPacket(ctx, "udp4", net.JoinHostPort("", strconv.Itoa(port)))
	}
}
