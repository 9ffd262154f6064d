package web

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/keeplit/keeplit/internal/certs"
)

// TLS is how the page is served over TLS: with a certificate of the owner's, or
// with one that the agent makes for itself once.
type TLS struct {
	Cert, Key string   // files, PEM; both or none
	Own       string   // folder for a certificate that the agent makes; "" is none
	Names     []string // of the page, for the agent's own certificate
}

const (
	ownCert = "page-cert.pem"
	ownKey  = "page-key.pem"
	ownFor  = 10 * 365 * 24 * time.Hour
)

// load is the configuration of a listener; nil where there is no TLS.
func (t TLS) load() (*tls.Config, error) {
	if t.Own != "" {
		t.Cert, t.Key = filepath.Join(t.Own, ownCert), filepath.Join(t.Own, ownKey)
		if _, err := os.Stat(t.Cert); errors.Is(err, fs.ErrNotExist) {
			if err := t.make(); err != nil {
				return nil, fmt.Errorf("make a certificate for the page: %w", err)
			}
		}
	}
	if t.Cert == "" && t.Key == "" {
		return nil, nil //nolint:nilnil // no TLS is a proper answer
	}
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, fmt.Errorf("the page's certificate: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}}, nil
}

// Check tells what is wrong with the files.
func (t TLS) Check() error {
	t.Own = ""
	_, err := t.load()
	return err
}

// make writes a key and a certificate that is signed with it: nobody vouches for
// it, but whoever has accepted it once is told when it is another one's.
func (t TLS) make() error {
	if err := os.MkdirAll(t.Own, 0o700); err != nil {
		return err
	}
	_, err := certs.Write(t.Cert, t.Key, x509.Certificate{
		// A board without a battery may be in 1970: the certificate holds from then on.
		Subject: pkix.Name{CommonName: "keeplit"}, NotBefore: time.Unix(0, 0), NotAfter: time.Now().Add(ownFor),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: append([]string{"localhost", "keeplit.local"}, t.Names...), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}, nil)
	return err
}
