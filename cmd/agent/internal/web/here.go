package web

import "net"

// Here is the address, HOST:PORT, at which this machine reaches what listens at another:
// localhost where it listens at all addresses.
func Here(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || host != "" && !net.ParseIP(host).IsUnspecified() {
		return listen
	}
	return net.JoinHostPort("localhost", port)
}
