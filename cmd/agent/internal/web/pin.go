package web

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Cost of a PIN check: argon2id with 19 MiB and two passes, the least that
// OWASP's password storage advice names; some 50 ms on a small board.
const (
	pinMemory  = 19 * 1024 // KiB
	pinTime    = 2
	pinThreads = 1
	pinSalt    = 16 // bytes
	pinKey     = 32 // bytes
)

// MinPIN and MaxPIN bound the length of a PIN.  It is digits only, so that a
// phone can offer its number pad.
const (
	MinPIN = 4
	MaxPIN = 32
)

var errPINForm = fmt.Errorf("a PIN is %d to %d digits", MinPIN, MaxPIN)

// HashPIN is pin in the PHC string form of argon2id, with a fresh salt; the
// only form in which a PIN is stored.
func HashPIN(pin string) (string, error) {
	if len(pin) < MinPIN || len(pin) > MaxPIN || strings.Trim(pin, "0123456789") != "" {
		return "", errPINForm
	}
	salt := make([]byte, pinSalt)
	rand.Read(salt) //nolint:errcheck // never fails since Go 1.24
	key := argon2.IDKey([]byte(pin), salt, pinTime, pinMemory, pinThreads, pinKey)
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, pinMemory, pinTime, pinThreads,
		b.EncodeToString(salt), b.EncodeToString(key)), nil
}

// pinHash is a parsed PHC string.
type pinHash struct {
	memory, time uint32
	threads      uint8
	salt, key    []byte
}

var errPINHash = errors.New(`the PIN's hash is not of the form "$argon2id$v=19$m=...,t=...,p=...$salt$key"; make a new one`)

// parsePINHash reads HashPIN's form, also with other costs, within what a
// small board can bear.
func parsePINHash(s string) (pinHash, error) {
	var h pinHash
	f := strings.Split(s, "$")
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" || f[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, errPINHash
	}
	if n, err := fmt.Sscanf(f[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); n != 3 || err != nil {
		return h, errPINHash
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.DecodeString(f[4])
	h.key, err2 = base64.RawStdEncoding.DecodeString(f[5])
	if err1 != nil || err2 != nil || len(h.salt) < 8 || len(h.key) < 16 ||
		h.memory < 8 || h.memory > 256*1024 || h.time < 1 || h.time > 32 || h.threads < 1 {
		return h, errPINHash
	}
	return h, nil
}

// matches takes more memory than all else of the agent.  It is given back at once: whoever guesses
// would have some of it lie about, a check's beside the next one's, until the collector's turn comes.
func (h pinHash) matches(pin string) bool {
	key := argon2.IDKey([]byte(pin), h.salt, h.time, h.memory, h.threads, uint32(len(h.key)))
	runtime.GC()
	return subtle.ConstantTimeCompare(key, h.key) == 1
}

// CheckPIN tells what is wrong with the stored form of a PIN; "" is no PIN.
func CheckPIN(hash string) error {
	_, err := newGate(hash)
	return err
}
