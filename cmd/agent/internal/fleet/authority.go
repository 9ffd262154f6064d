package fleet

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"path/filepath"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/internal/certs"
)

// Authority gives the agents of a trial certificates of their own.
type Authority struct{ signer certs.Signer }

// ReadAuthority reads certificate and key of an authority that the broker trusts.
func ReadAuthority(certFile, keyFile string) (*Authority, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("the authority of the agents' certificates: %w", err)
	}
	if pair.Leaf != nil && !pair.Leaf.IsCA {
		return nil, fmt.Errorf("%s is no authority's certificate", certFile)
	}
	return &Authority{certs.Signer{Cert: pair.Leaf, Key: pair.PrivateKey}}, nil
}

// certLives is how long a certificate of a trial is good.
const certLives = 24 * time.Hour

// Issue writes a certificate for a name, and its key, into dir, and has files show them.
func (a *Authority) Issue(dir, name string, files *broker.TLS) error {
	files.CertFile, files.KeyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	now := time.Now()
	_, err := certs.Write(files.CertFile, files.KeyFile, x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certLives),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, &a.signer)
	return err
}
