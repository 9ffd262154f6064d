package policy

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// KeySet is who may say what.  It is signed by root keys; a new one by as many of
// the old ones as the old set asks for and by as many of its own, so that nobody
// takes over with one stolen key and nobody is locked out by a slip (the rule of
// The Update Framework for its root role).
type KeySet struct {
	Version   uint64    `json:"version"` // 1 more than the one before: none is left out
	Epoch     uint64    `json:"epoch"`   // of the envelopes' numbers; may rise, and then all begin anew
	Roots     []string  `json:"roots"`   // public keys
	Threshold int       `json:"threshold"`
	Expires   time.Time `json:"expires"` // after this only the root keys are heard
	Signers   []Signer  `json:"signers"`
}

// Signer is a key that signs envelopes.
type Signer struct {
	Key       string    `json:"key"` // public
	Streams   []Stream  `json:"streams"`
	Audiences []string  `json:"audiences,omitempty"` // these alone; none: all
	Until     time.Time `json:"until,omitzero"`
}

// Bounds of a key set.
const (
	mostRoots   = 16
	mostSigners = 64
)

// Check is what is wrong with the key set as such; nil: nothing.
func (k KeySet) Check() error {
	switch {
	case k.Version < 1 || k.Version > mostSeq || k.Epoch < 1 || k.Epoch > mostSeq:
		return fmt.Errorf("version is %d and epoch %d; both count from 1", k.Version, k.Epoch)
	case !inTime(k.Expires):
		return errors.New("expires is of no year that there is")
	case len(k.Signers) > mostSigners:
		return fmt.Errorf("it has %d signers; the most is %d", len(k.Signers), mostSigners)
	}
	if err := checkRoots(k.Roots, k.Threshold); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, s := range k.Signers {
		if _, err := DecodeKey(s.Key); err != nil {
			return err
		}
		switch {
		case seen[s.Key] || slices.Contains(k.Roots, s.Key):
			return fmt.Errorf("the key %s stands there twice", s.Key)
		case len(s.Streams) == 0:
			return fmt.Errorf("the key %s may sign no stream", s.Key)
		case !s.Until.IsZero() && !inTime(s.Until):
			return errors.New("until is of no year that there is")
		}
		for _, st := range s.Streams {
			if !slices.Contains(Streams(), st) {
				return fmt.Errorf("%.40q is no stream", string(st))
			}
		}
		for _, a := range s.Audiences {
			if !IsAudience(a) {
				return fmt.Errorf("%.80q is no audience", a)
			}
		}
		seen[s.Key] = true
	}
	return nil
}

func checkRoots(roots []string, threshold int) error {
	switch {
	case len(roots) == 0 || len(roots) > mostRoots:
		return fmt.Errorf("it has %d root keys; 1 to %d may be", len(roots), mostRoots)
	case threshold < 1 || threshold > len(roots):
		return fmt.Errorf("the threshold is %d of %d root keys", threshold, len(roots))
	}
	for i, r := range roots {
		if _, err := DecodeKey(r); err != nil {
			return err
		}
		if slices.Contains(roots[:i], r) {
			return fmt.Errorf("the root key %s stands there twice", r)
		}
	}
	return nil
}

// keysDocument is what root keys sign.
type keysDocument struct {
	V      int       `json:"v"`
	Issuer string    `json:"iss"`
	Issued time.Time `json:"iat"`
	Keys   KeySet    `json:"keys"`
}

// SignKeys signs a key set of an issuer with root keys, those before it and its
// own.
func SignKeys(issuer string, issued time.Time, k KeySet, roots ...ed25519.PrivateKey) (string, error) {
	if err := k.Check(); err != nil {
		return "", err
	}
	k.Expires = k.Expires.UTC()
	payload, err := json.Marshal(keysDocument{V: version, Issuer: issuer, Issued: issued.UTC(), Keys: k})
	if err != nil {
		return "", err
	}
	text, err := sign(kindKeys, payload, roots...)
	return strings.TrimSpace(text), err
}

// CheckSigning is what is wrong with signing a key set with these root keys, so that a slip
// is found before sites refuse it; nil: nothing.  Whether the roots of the set before have
// signed, only who has that one knows.
func (k KeySet) CheckSigning(issuer string, now time.Time, roots []ed25519.PublicKey) error {
	if !nameForm.MatchString(issuer) {
		return fmt.Errorf("the issuer is %.80q; write lower-case letters, digits, dots and hyphens", issuer)
	}
	if err := k.Check(); err != nil {
		return err
	}
	if !k.Expires.After(now) {
		return fmt.Errorf("expires is %s, which is over: no signer of it would be believed", k.Expires.UTC().Format(time.RFC3339))
	}
	own, seen := 0, map[string]bool{}
	for _, r := range roots {
		name := EncodeKey(r)
		if seen[name] {
			return fmt.Errorf("the root key %s is to sign twice", name)
		}
		seen[name] = true
		if slices.Contains(k.Roots, name) {
			own++
		}
	}
	if own < k.Threshold {
		return fmt.Errorf("%d of the keys that sign are among its roots, and its threshold is %d: sites would refuse it", own, k.Threshold)
	}
	return nil
}

// Version is that of the key set which a text claims to be; nothing of it is believed.
func Version(text []byte) (version uint64, is bool) {
	o, bad := open(text)
	if bad != nil || o.kind != kindKeys {
		return 0, false
	}
	var d keysDocument
	if read(o.jws.UnsafePayloadWithoutVerification(), &d) != nil {
		return 0, false
	}
	return d.Keys.Version, true
}

// signedBy answers the payload where at least threshold of the keys signed it.
func (o opened) signedBy(keys []string, threshold int) (payload []byte, ok bool) {
	n := 0
	for _, k := range keys {
		public, err := DecodeKey(k)
		if err != nil {
			continue
		}
		if p, good := o.by(public); good {
			payload = p
			n++
		}
	}
	return payload, n >= max(threshold, 1)
}

// signers are the keys that signed an envelope, all of those that say so, and the payload.
func (o opened) signers(k KeySet) (all []Signer, payload []byte, ok bool) {
	for _, s := range k.Signers {
		public, err := DecodeKey(s.Key)
		if err != nil {
			continue
		}
		if signed, ok := o.by(public); ok {
			all, payload = append(all, s), signed
		}
	}
	return all, payload, len(all) > 0 && len(all) == len(o.kids)
}

// allows tells whether the key may sign for a stream and an audience at an instant.
func (s Signer) allows(st Stream, audience string, now time.Time) bool {
	return slices.Contains(s.Streams, st) && (len(s.Audiences) == 0 || slices.Contains(s.Audiences, audience)) &&
		(s.Until.IsZero() || now.Before(s.Until))
}
