package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// proxies are the addresses whose word about the sender is taken.
type proxies []netip.Prefix

// parseProxies reads addresses and prefixes.
func parseProxies(names []string) (proxies, error) {
	var out proxies
	for _, n := range names {
		if a, err := netip.ParseAddr(n); err == nil {
			out = append(out, netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(n)
		if err != nil {
			return nil, fmt.Errorf("%q is not an address of a proxy, such as 192.168.1.5 or 10.0.0.0/8", n)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// CheckProxies tells what is wrong with the names of proxies.
func CheckProxies(names []string) error {
	_, err := parseProxies(names)
	return err
}

func (p proxies) has(a netip.Addr) bool {
	for _, x := range p {
		if x.Contains(a) {
			return true
		}
	}
	return false
}

// sender is who a request comes from.
type sender struct {
	who netip.Addr
	// box: a program on this machine, and no proxy on it.
	box    bool
	secure bool // it came over TLS, here or at the proxy
}

// forwarded tells whether a proxy has passed the request on.
func forwarded(h http.Header) bool {
	return h.Get("X-Forwarded-For") != "" || h.Get("Forwarded") != "" || h.Get("Via") != "" || h.Get("X-Real-Ip") != ""
}

// sender is who r comes from.  What a header says is taken from a proxy that the
// configuration names, and from nobody else: everybody can write headers.
func (s *Server) sender(r *http.Request) sender {
	from := addressOf(r.RemoteAddr)
	out := sender{who: from, secure: r.TLS != nil}
	if !s.proxies.has(bare(r.RemoteAddr)) {
		if from.IsLoopback() && forwarded(r.Header) {
			// A proxy on the box that nobody has named: whoever is behind it must
			// not keep the box itself waiting.
			out.who = netip.IPv6Loopback().WithZone("proxy")
			return out
		}
		out.box = from.IsLoopback()
		return out
	}
	out.secure = out.secure || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
	// The nearest proxy writes last; those that are ours are passed over.
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop := strings.TrimSpace(hops[i])
		a := bare(hop)
		if !a.IsValid() {
			break
		}
		out.who = addressOf(hop)
		if !s.proxies.has(a) {
			break
		}
	}
	return out
}
