package meteringtest

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
	"sync"
	"testing"
)

// The keys of the meters that tests play.
const (
	SealKey               = "000102030405060708090A0B0C0D0E0F"
	SealAuthenticationKey = "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF"
)

// Sealer encrypts and authenticates what a played meter says, in ciphertexts of
// general-glo-ciphering whose counter counts up.
type Sealer struct {
	gcm   cipher.AEAD
	known []byte

	mu      sync.Mutex
	counter uint32
}

// NewSealer makes one with the keys above.
func NewSealer(tb testing.TB) *Sealer {
	tb.Helper()
	key, _ := hex.DecodeString(SealKey)
	known, _ := hex.DecodeString("30" + SealAuthenticationKey)
	block, err := aes.NewCipher(key)
	if err != nil {
		tb.Fatal(err)
	}
	gcm, err := cipher.NewGCMWithTagSize(block, 12)
	if err != nil {
		tb.Fatal(err)
	}
	return &Sealer{gcm: gcm, known: known, counter: 1000}
}

// Seal is the next ciphertext.
func (s *Sealer) Seal(words []byte) []byte {
	s.mu.Lock()
	s.counter++
	n := s.counter
	s.mu.Unlock()
	return s.SealAs(n, words)
}

// SealAs is a ciphertext with a counter of its own.
func (s *Sealer) SealAs(counter uint32, words []byte) []byte {
	nonce := binary.BigEndian.AppendUint32([]byte("TST\x00\x01\x02\x03\x04"), counter)
	body := s.gcm.Seal(binary.BigEndian.AppendUint32([]byte{0x30}, counter), nonce, words, s.known)
	b := append([]byte{0xDB, 8}, nonce[:8]...)
	b = binary.BigEndian.AppendUint16(append(b, 0x82), uint16(len(body)))
	return append(b, body...)
}
