// Package sealed is a file that a stranger can check away from whoever made it: its
// last line is a comment of HTML with a public key and that key's signature of every
// byte before the line (Ed25519).
package sealed

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

const (
	opens  = "<!-- keeplit seal 1 key="
	middle = " signature="
	closes = " -->\n"
)

// Longest is the longest file that Open looks at.
const Longest = 4 << 20

// Key is a public key as it is written: the base64 of URLs, without padding.
func Key(public ed25519.PublicKey) string { return base64.RawURLEncoding.EncodeToString(public) }

// PublicOf is the public key of a private one as it is written, "" of none.
func PublicOf(key ed25519.PrivateKey) string {
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return ""
	}
	return Key(public)
}

// Seal is body with the line that signs it.
func Seal(body []byte, key ed25519.PrivateKey) ([]byte, error) {
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("the key is no Ed25519 key")
	}
	if bytes.Contains(body, []byte(opens)) {
		return nil, errors.New("what is to be signed holds a seal already")
	}
	if n := len(body); n == 0 || body[n-1] != '\n' {
		body = append(bytes.Clone(body), '\n')
	}
	line := opens + Key(public) + middle + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, body)) + closes
	return append(bytes.Clone(body), line...), nil
}

// Open is what a sealed file says and whose signature it bears.  The error says why
// it is not to be believed.  Whether the key is that of whom the file speaks is for
// the reader to know.
func Open(file []byte) (body []byte, key string, err error) {
	if len(file) > Longest {
		return nil, "", errors.New("the file is too long for one of ours")
	}
	at := bytes.LastIndex(file, []byte(opens))
	if at < 0 || at > 0 && file[at-1] != '\n' {
		return nil, "", errors.New("it bears no seal: it is not such a file, or its last line is gone")
	}
	line, ok := strings.CutSuffix(string(file[at+len(opens):]), closes)
	key, text, found := strings.Cut(line, middle)
	if !ok || !found {
		return nil, "", errors.New("something stands behind the seal, or the seal was cut: save the file as it was sent, and do not open it in an editor")
	}
	public, err1 := base64.RawURLEncoding.Strict().DecodeString(key)
	signature, err2 := base64.RawURLEncoding.Strict().DecodeString(text)
	if err1 != nil || err2 != nil || len(public) != ed25519.PublicKeySize || len(signature) != ed25519.SignatureSize {
		return nil, "", errors.New("its seal is damaged")
	}
	body = file[:at]
	if bytes.Contains(body, []byte(opens)) {
		return nil, "", errors.New("it bears two seals")
	}
	if !ed25519.Verify(public, body, signature) {
		return nil, "", fmt.Errorf("it was changed after it was signed, or the key %s did not sign it", key)
	}
	return body, key, nil
}
