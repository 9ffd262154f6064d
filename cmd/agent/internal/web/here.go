package web

import "net"

// Here is the address, HOST:PORT, at which a program of this machine reaches what listens at
// another: 127.0.0.1 where it listens at all addresses, for not every machine knows the name
// localhost.
func Here(listen string) string { return here(listen, "127.0.0.1") }

// Shown is the address at which a person at this machine opens what listens at another.
func Shown(listen string) string {
	if host, port, err := net.SplitHostPort(listen); err == nil && host == "127.0.0.1" {
		return net.JoinHostPort("localhost", port)
	}
	return here(listen, "localhost")
}

func here(listen, self string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || host != "" && !net.ParseIP(host).IsUnspecified() {
		return listen
	}
	return net.JoinHostPort(self, port)
}
