// Package sts reads and issues the 20-digit tokens of the Standard Transfer
// Specification, IEC 62055-41, that most prepayment meters of the world take.
//
// A token is 66 bits: 2 of class in the clear, and 64 that only the holder of
// the meter's decoder key can make.  It says when it was issued (the TID, in
// minutes from the base date), so that a meter that remembers the last ones it
// took can tell a new token from a used one without talking to anybody.
//
// Encryption algorithm 11 (MISTY1, RFC 2994) is complete and checked against
// published vectors.  Algorithm 07 needs substitution tables that are not
// public and come from a file; it, currency tokens and DKGA02 had no published
// vector to be checked against and are marked experimental.
package sts

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// Algorithm is an encryption algorithm by its number in the standard.
type Algorithm string

// The algorithms.
const (
	EA07 Algorithm = "07"
	EA11 Algorithm = "11"
)

// SetText reads "ea11" or "ea07".
func (a *Algorithm) SetText(s string) error {
	switch s {
	case "ea11", "EA11", "11":
		*a = EA11
	case "ea07", "EA07", "07":
		*a = EA07
	default:
		return fmt.Errorf("%q is not an encryption algorithm; write ea11, or ea07 (experimental)", s)
	}
	return nil
}

// Document is the STS part of the configuration.  The decoder key is either
// given or derived from the vending key and the identity.
type Document struct {
	// The encryption algorithm: ea11, or ea07, which is experimental and needs tables.
	// Example: ea11
	Algorithm  Algorithm `yaml:"algorithm"`
	DecoderKey string    `yaml:"decoder_key"` // hex, 32 digits (ea07: 16); a secret
	VendingKey string    `yaml:"vending_key"` // hex, 40 digits (DKGA02: 16, experimental); a secret
	// The supply group code, 6 digits. Needed with vending_key.
	// Example: 123456
	SGC int `yaml:"sgc"`
	// The tariff index, 0 to 99. Needed with vending_key.
	// Example: 1
	TariffIndex int `yaml:"tariff_index"`
	// The key's type: 2 unique, 3 common, 1 default, 0 initialisation.
	// Example: 2
	KeyType KeyType `yaml:"key_type"`
	// The key's revision number, 0 to 9.
	// Example: 1
	KeyRevision int `yaml:"key_revision"`
	// The meter's primary account number, 18 digits, in quotes. Needed with vending_key.
	// Example: "600727000000000009"
	PAN string `yaml:"pan"`
	// The year from which the tokens' time counts: 1993 (which ended in 2024), 2014 or 2035.
	// Example: 2014
	BaseDate int `yaml:"base_date"`
	// Tokens that were issued later than this are refused, in 256ths of the base date's span; 255 is its
	// end.
	// Example: 255
	KeyExpiry int `yaml:"key_expiry"`
	// The maker's code in test tokens. 0: those of any maker.
	// Example: 7
	Maker int `yaml:"maker"`
	// Tokens issued before this are old and refused. Left out: those from before the account was opened.
	// Example: 2026-07-01T00:00:00Z
	AcceptFrom time.Time `yaml:"accept_from"`
	// Experimental: whether tokens of money (sub-class 4) are taken.
	// Example: true
	Currency bool    `yaml:"currency"`
	Tables   *Tables `yaml:"-"` // of algorithm 07, loaded from their file
}

// Defaults is a document with the values that hold where a file says nothing.
func Defaults() Document {
	return Document{Algorithm: EA11, KeyType: DUTK, KeyRevision: 1, BaseDate: 2014, KeyExpiry: 255}
}

// Identity is what the decoder key is derived from.
func (d Document) Identity() Identity {
	return Identity{PAN: d.PAN, SGC: d.SGC, TariffIndex: d.TariffIndex, KeyType: d.KeyType, KeyRevision: d.KeyRevision, BaseDate: d.BaseDate}
}

// Check names everything wrong with the document.
func (d Document) Check() fault.List {
	var l fault.List
	isHex := func(path, s string, sizes ...int) {
		b, err := hex.DecodeString(s)
		for _, n := range sizes {
			if err == nil && len(b) == n {
				return
			}
		}
		l.Add(path, fmt.Sprintf("give it as %d hex digits", 2*sizes[0]), "it is not a key of %d bytes", sizes[0])
	}
	if d.Algorithm != EA11 && d.Algorithm != EA07 {
		l.Add("algorithm", "write ea11, or ea07 (experimental)", "%q is not an encryption algorithm", string(d.Algorithm))
	}
	if d.Algorithm == EA07 && d.Tables == nil {
		l.Add("algorithm", "give the file with the substitution tables, which your operator has from the STS Association", "ea07 needs its tables")
	}
	switch {
	case d.DecoderKey == "" && d.VendingKey == "":
		l.Add("decoder_key", "give the meter's decoder_key, or vending_key with sgc, tariff_index, key_type, key_revision and pan", "there is no key")
	case d.DecoderKey != "" && d.VendingKey != "":
		l.Add("vending_key", "leave one of them out", "there is a decoder_key as well: which one holds?")
	case d.DecoderKey != "" && d.Algorithm == EA07:
		isHex("decoder_key", d.DecoderKey, 8)
	case d.DecoderKey != "":
		isHex("decoder_key", d.DecoderKey, 16)
	case d.Algorithm == EA07:
		isHex("vending_key", d.VendingKey, 20, 8)
	default:
		isHex("vending_key", d.VendingKey, 20)
	}
	if d.VendingKey != "" {
		if err := d.Identity().check(); err != nil {
			l.Add("pan", "copy pan, sgc, tariff_index, key_type, key_revision and base_date from the meter's papers", "%v", err)
		}
	}
	if _, ok := baseOf(d.BaseDate); !ok {
		l.Add("base_date", "write 1993, 2014 or 2035", "%d is not a base date", d.BaseDate)
	}
	if d.KeyExpiry < 0 || d.KeyExpiry > 255 {
		l.Add("key_expiry", "write 0 to 255", "%d is not a key expiry number", d.KeyExpiry)
	}
	if d.KeyType < DITK || d.KeyType > DCTK {
		l.Add("key_type", "write 0 to 3", "%d is not a key type", d.KeyType)
	}
	return l
}

// Experimental is what the document chooses that could be checked against no
// published vector, each in words.
func (d Document) Experimental() []string {
	var out []string
	if d.Algorithm == EA07 {
		out = append(out, "algorithm: ea07 is experimental: no published token could be found to check it against; try a token of little worth first, and use ea11 where your operator offers it")
	}
	if len(d.VendingKey) == 16 {
		out = append(out, "vending_key: of 16 digits the decoder key is made by DKGA02, which is experimental: no published key could be found to check it against; give decoder_key where you have it")
	}
	if d.Currency {
		out = append(out, "currency: tokens of currency are experimental: no published token could be found to check them against")
	}
	return out
}

// decoderKey is the key that the document gives or derives.
func (d Document) decoderKey() ([]byte, error) {
	if d.DecoderKey != "" {
		return hex.DecodeString(d.DecoderKey)
	}
	vending, err := hex.DecodeString(d.VendingKey)
	if err != nil {
		return nil, fmt.Errorf("sts: vending key: %w", err)
	}
	if len(vending) == 8 {
		key, err := DKGA02([8]byte(vending), d.Identity())
		return key[:], err
	}
	return DKGA04([20]byte(vending), d.Identity(), d.Algorithm)
}

// tenth is the unit of credit: 0.1 kWh.
const tenth = units.KilowattHour / 10
