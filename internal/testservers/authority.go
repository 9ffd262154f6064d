package testservers

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/certs"
)

// Authority signs certificates that are good for an hour.
type Authority struct{ signer *certs.Signer }

// NewAuthority makes one and writes its certificate to NAME.pem in dir, and its key to NAME.key.
func NewAuthority(t testing.TB, dir, name string) *Authority {
	t.Helper()
	return &Authority{made(t, dir, name, x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil)}
}

// Issue writes a certificate for the name, and for 127.0.0.1, to NAME.pem in dir, and its key
// to NAME.key.
func (a *Authority) Issue(t testing.TB, dir, name string) {
	t.Helper()
	made(t, dir, name, x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.signer)
}

func made(t testing.TB, dir, name string, cert x509.Certificate, by *certs.Signer) *certs.Signer {
	t.Helper()
	cert.Subject, cert.NotBefore, cert.NotAfter = pkix.Name{CommonName: name}, time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	s, err := certs.Write(filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key"), cert, by)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Example is the lines of a document between ```KIND and ```: what a document shows is what a
// test runs.
func Example(t testing.TB, doc, kind string) []string {
	t.Helper()
	data, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(data), "```"+kind+"\n")
	text, _, end := strings.Cut(rest, "```")
	if !ok || !end {
		t.Fatalf("%s has no example of %s", doc, kind)
	}
	return strings.Split(strings.TrimSpace(text), "\n")
}
