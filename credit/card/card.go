// Package card takes one-time tokens from an RFID card held to the meter.
//
// A MIFARE Classic card can be copied and put back to an older state by
// anybody with a cheap reader, so a card never carries a balance.  It carries
// tokens as they would stand on a slip of paper, each good once for one meter,
// and the number of that meter: a neighbour's card then says so, instead of
// counting as wrong tokens towards this meter's lock-out.  The meter's memory
// is what makes a token good only once; that the card's copy is wiped after is
// a courtesy to its holder.
//
// The layout, in blocks of 16 bytes from sector 1 (three to a sector, the
// sectors' own trailers are left alone):
//
//	block 0    "KLT1", 8 bytes of SHA-256 of the meter number, number of
//	           tokens, 0, CRC-16 of these 14 bytes
//	block 1..  number of digits, 10 bytes of digits two to a byte (f ends an
//	           odd one), 0 0 0, CRC-16 of these 14 bytes; all zero is spent
package card

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"periph.io/x/devices/v3/mfrc522"
	"periph.io/x/devices/v3/mfrc522/commands"
)

// Reader is the part of an MFRC522 reader that is used.
type Reader interface {
	ReadCard(timeout time.Duration, auth byte, sector int, block int, key mfrc522.Key) ([]byte, error)
	WriteCard(timeout time.Duration, auth byte, sector int, block int, data [16]byte, key mfrc522.Key) error
}

var _ Reader = (*mfrc522.Dev)(nil)

// Most is how many tokens a card holds.
const Most = 14

const (
	blockSize   = 16
	firstSector = 1
	perSector   = 3
	mostDigits  = 20
)

// Errors of a card.
var (
	// ErrNotOurs: the card carries something else, or nothing.
	ErrNotOurs = errors.New("this card carries no tokens")
	// ErrOtherMeter: the card's tokens are for another meter.
	ErrOtherMeter = errors.New("this card is for another meter")
	// ErrDamaged: the card's content does not match its checksum.
	ErrDamaged = errors.New("this card is damaged; have it written again")
)

// Slots reads and writes the cards of one meter.
type Slots struct {
	reader  Reader
	meter   string
	key     mfrc522.Key
	timeout time.Duration
}

// New reads cards for a meter through reader, with the cards' sector key.  A
// call waits up to timeout for a card.
func New(reader Reader, meter string, key mfrc522.Key, timeout time.Duration) *Slots {
	return &Slots{reader: reader, meter: meter, key: key, timeout: timeout}
}

// Held is the card at the reader.
type Held struct {
	Tokens []Token // not yet spent
	Spent  int
	Bad    int // slots whose checksum is wrong
}

// Token is one token of a card.
type Token struct {
	Digits string
	Slot   int // for Spend
}

// Read waits for a card and reads its tokens.  A card that is damaged in some
// slots still gives the others.
func (s *Slots) Read() (Held, error) {
	head, err := s.block(0)
	if err != nil {
		return Held{}, err
	}
	n, err := s.header(head)
	if err != nil {
		return Held{}, err
	}
	var h Held
	for slot := 1; slot <= n; slot++ {
		b, err := s.block(slot)
		if err != nil {
			return Held{}, err
		}
		digits, err := decode(b)
		switch {
		case err != nil:
			h.Bad++
		case digits == "":
			h.Spent++
		default:
			h.Tokens = append(h.Tokens, Token{digits, slot})
		}
	}
	return h, nil
}

// Spend wipes a slot once its token's effect is stored.
func (s *Slots) Spend(t Token) error {
	if t.Slot < 1 || t.Slot > Most {
		return fmt.Errorf("card: there is no slot %d", t.Slot)
	}
	return s.write(t.Slot, [blockSize]byte{})
}

// Write puts tokens on a card: what a vendor does.  The header is written
// last, so that a card taken away too early carries none rather than half.
func (s *Slots) Write(tokens []string) error {
	if len(tokens) > Most {
		return fmt.Errorf("card: %d tokens do not fit; a card holds %d", len(tokens), Most)
	}
	blocks := make([][blockSize]byte, len(tokens))
	for i, t := range tokens {
		var err error
		if blocks[i], err = encode(t); err != nil {
			return err
		}
	}
	if err := s.write(0, [blockSize]byte{}); err != nil {
		return err
	}
	for i, b := range blocks {
		if err := s.write(i+1, b); err != nil {
			return err
		}
	}
	return s.write(0, s.makeHeader(len(tokens)))
}

func (s *Slots) makeHeader(n int) [blockSize]byte {
	var b [blockSize]byte
	copy(b[:], "KLT1")
	sum := sha256.Sum256([]byte(s.meter))
	copy(b[4:12], sum[:])
	b[12] = byte(n)
	return sealed(b)
}

// header is the number of tokens that a header says.
func (s *Slots) header(b [blockSize]byte) (int, error) {
	switch want := s.makeHeader(int(b[12])); {
	case string(b[:4]) != "KLT1":
		return 0, ErrNotOurs
	case b != sealed(b) || b[12] > Most:
		return 0, ErrDamaged
	case b != want:
		return 0, ErrOtherMeter
	}
	return int(b[12]), nil
}

// block reads block i of the layout.
func (s *Slots) block(i int) ([blockSize]byte, error) {
	data, err := s.reader.ReadCard(s.timeout, byte(commands.PICC_AUTHENT1A), firstSector+i/perSector, i%perSector, s.key)
	if err != nil {
		return [blockSize]byte{}, fmt.Errorf("card: block %d: %w", i, err)
	}
	if len(data) < blockSize {
		return [blockSize]byte{}, fmt.Errorf("card: block %d has %d bytes", i, len(data))
	}
	return [blockSize]byte(data), nil // some readers add the checksum of the radio
}

func (s *Slots) write(i int, b [blockSize]byte) error {
	if err := s.reader.WriteCard(s.timeout, byte(commands.PICC_AUTHENT1A), firstSector+i/perSector, i%perSector, b, s.key); err != nil {
		return fmt.Errorf("card: block %d: %w", i, err)
	}
	return nil
}

// encode puts a token's digits into a block.
func encode(digits string) ([blockSize]byte, error) {
	var b [blockSize]byte
	if digits == "" || len(digits) > mostDigits {
		return b, fmt.Errorf("card: a token of %d digits does not fit", len(digits))
	}
	b[0] = byte(len(digits))
	for i := range b[1:11] {
		b[1+i] = 0xff
	}
	for i := range len(digits) {
		c := digits[i]
		if c < '0' || c > '9' {
			return b, fmt.Errorf("card: %q is not a digit", c)
		}
		if i%2 == 0 {
			b[1+i/2] = (c-'0')<<4 | 0x0f
		} else {
			b[1+i/2] = b[1+i/2]&0xf0 | (c - '0')
		}
	}
	return sealed(b), nil
}

// decode is the digits of a block; "" is a spent one.
func decode(b [blockSize]byte) (string, error) {
	if b == [blockSize]byte{} {
		return "", nil
	}
	if b[0] == 0 || b[0] > mostDigits || b != sealed(b) {
		return "", ErrDamaged
	}
	digits := make([]byte, b[0])
	for i := range digits {
		v := b[1+i/2] >> (4 * (1 - i%2)) & 15
		if v > 9 {
			return "", ErrDamaged
		}
		digits[i] = '0' + v
	}
	return string(digits), nil
}

// sealed is b with its checksum: CRC-16 with the reflected polynomial 0xA001
// from 0xFFFF, big-endian.
func sealed(b [blockSize]byte) [blockSize]byte {
	crc := uint16(0xffff)
	for _, v := range b[:blockSize-2] {
		crc ^= uint16(v)
		for range 8 {
			if crc&1 == 1 {
				crc = crc>>1 ^ 0xa001
			} else {
				crc >>= 1
			}
		}
	}
	binary.BigEndian.PutUint16(b[blockSize-2:], crc)
	return b
}

// Say is what to tell the holder of a card.
type Say struct {
	Err    error // ErrOtherMeter, ErrNotOurs, ErrDamaged, or of the reader
	Tokens int   // how many were handed over
}

// Run waits for cards until ctx ends.  It hands a card's tokens to enter, which
// answers true for each whose effect, or the knowledge that it is used, is
// stored; only then is it wiped from the card.  A card that stays at the
// reader is read once.
func (s *Slots) Run(ctx context.Context, enter func(digits []string) []bool, say func(Say)) error {
	pause := time.NewTicker(250 * time.Millisecond)
	defer pause.Stop()
	present := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-pause.C:
		}
		held, err := s.Read()
		if err != nil && !errors.Is(err, ErrNotOurs) && !errors.Is(err, ErrOtherMeter) && !errors.Is(err, ErrDamaged) {
			present = false // no card, or one that was taken away
			continue
		}
		if present {
			continue
		}
		present = true
		done := 0
		var stored []bool
		if len(held.Tokens) > 0 {
			digits := make([]string, len(held.Tokens))
			for i, t := range held.Tokens {
				digits[i] = t.Digits
			}
			stored = enter(digits)
		}
		if ctx.Err() != nil {
			return nil // the card keeps them: used tokens do no harm
		}
		for i, t := range held.Tokens {
			if !stored[i] {
				continue
			}
			done++
			if err = s.Spend(t); err != nil {
				present = false // taken away too early: read it again, used tokens do no harm
				break
			}
		}
		if err == nil && held.Bad > 0 {
			err = ErrDamaged
		}
		say(Say{Err: err, Tokens: done})
	}
}
