// Package certs makes certificates with keys of their own, in files.
package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
)

// Signer is who signs a certificate.
type Signer struct {
	Cert *x509.Certificate
	Key  crypto.PrivateKey
}

// Write makes a key on P-256 and a certificate for it, with a serial number of its own, and
// writes both as PEM that the owner alone may read.  What signs nil is the key itself.  The
// answer may sign others, where the certificate says so.
func Write(certFile, keyFile string, cert x509.Certificate, by *Signer) (*Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if cert.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, err
	}
	if by == nil {
		by = &Signer{&cert, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, &cert, by.Cert, &key.PublicKey, by.Key)
	if err != nil {
		return nil, err
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := write(keyFile, "PRIVATE KEY", private); err != nil {
		return nil, err
	}
	return &Signer{made, key}, write(certFile, "CERTIFICATE", der)
}

func write(name, kind string, der []byte) error {
	return os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
