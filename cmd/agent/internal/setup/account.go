package setup

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
)

// The schemes that are asked for; a described one is written into the file.
const (
	ownTokens = "own"
	byPAYGO   = "openpaygo"
	bySTS     = "sts"
	byVoucher = "voucher"
)

// tokens asks which tokens are read and for the key.
func (i *interview) tokens() error {
	unit := "money"
	if _, kwh := i.sheet.find("credit.mode", false, "kwh"); kwh {
		unit = "kwh"
	}
	i.sheet.Set("tokens.openpaygo.unit", unit)
	before := i.sheet.Copy()
	for {
		scheme, err := i.oneOf("Which tokens does your vendor sell (own: none; I make a key and you make the tokens)", ownTokens, ownTokens, byPAYGO, bySTS, byVoucher)
		if err != nil {
			return err
		}
		if scheme == ownTokens {
			return i.makeKey(unit)
		}
		if scheme != byPAYGO {
			i.sheet.Leave("tokens.openpaygo")
			i.sheet.Use("tokens." + scheme)
		}
		another, err := i.keyOf(scheme)
		if err != nil || !another {
			return err
		}
		*i.sheet = *before.Copy()
	}
}

// back is the answer of who wants to be asked something before again.
const back = "back"

// keyOf asks for the key of a scheme; another says that its kind is to be chosen anew.
func (i *interview) keyOf(scheme string) (another bool, err error) {
	take := func(s string) error {
		if another = s == back; another {
			return nil
		}
		if scheme == byVoucher {
			i.sheet.Set("tokens.voucher.keys", "["+strconv.Quote(s)+"]")
		}
		return i.wrong("tokens." + scheme)
	}
	switch scheme {
	case byVoucher:
		return another, i.Ask("  Which public key has your operator (back: another kind)", back, take)
	case bySTS:
		err = i.secret("sts.key", "  Which decoder key has the meter, 32 hex digits (back: another kind)", back, take)
		if another {
			delete(i.files, "sts.key")
		}
		return another, err
	}
	if err := i.secret("openpaygo.key", "  Which key has the meter, 32 hex digits (back: another kind)", back, take); err != nil || another {
		delete(i.files, "openpaygo.key")
		return another, err
	}
	return false, i.Ask("  Which starting code, 9 digits", "516959010", func(s string) error {
		i.sheet.Set("tokens.openpaygo.starting_code", s)
		return i.wrong("tokens.openpaygo")
	})
}

// Vendor is the file beside the configuration by which tokens are made with the site's own key.
const Vendor = "vendor.yaml"

// makeKey makes a key of this site's own, and the file by which its tokens, of that unit, are made.
func (i *interview) makeKey(unit string) error {
	const file = "openpaygo.key"
	if !i.There(file) {
		key := make([]byte, 16)
		i.Random(key)
		i.files[file] = hex.EncodeToString(key)
	}
	code := make([]byte, 4)
	i.Random(code)
	starting := strconv.Itoa(100_000_000 + int(binary.BigEndian.Uint32(code)%900_000_000))
	i.sheet.Set("tokens.openpaygo.starting_code", starting)
	if err := i.wrong("tokens"); err != nil {
		return err
	}
	if key, ok := i.files[file]; ok && !i.There(Vendor) {
		i.files[Vendor] = "# What \"agent token issue --meter " + Vendor + "\" makes tokens by; as secret as the key.\n" +
			"scheme: openpaygo\nkey: " + key + "\nstarting_code: " + starting + "\nunit: " + unit
	}
	return nil
}
