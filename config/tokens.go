package config

import (
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/credit/sts"
	"github.com/keeplit/keeplit/credit/voucher"
	"github.com/keeplit/keeplit/internal/fault"
)

// Tokens are the token schemes that top-ups are read by.
type Tokens struct {
	// Tokens of OpenPAYGO.
	// Example: {key: {file: openpaygo.key}, starting_code: 516959010, unit: money}
	OpenPAYGO *OpenPAYGO `yaml:"openpaygo"`
	// Tokens of 20 digits after STS (IEC 62055-41).
	// Example: {decoder_key: {file: sts.key}, base_date: 2014}
	STS *STS `yaml:"sts"`
	// Vouchers that an operator signs, for meters without a token scheme.
	// Example: {keys: [cdxqyRqyrl-F0FBV7rEIW5f1xgTwEwbqlGHkf3VC3ZY]}
	Voucher *voucher.Document `yaml:"voucher"`
	// Tokens of a vendor's own scheme, which a document describes.
	// Example: {file: scheme.yaml, keys: [{key: {file: meter.key}}]}
	Described *Described `yaml:"described"`
}

// OpenPAYGO is the document of that scheme with its key kept out of the file.
type OpenPAYGO struct {
	openpaygo.Document `yaml:",inline"`
	// The key that the vendor and the meter share, 32 hex digits, in a file or an environment variable.
	// Example: {file: openpaygo.key}
	Secret string `yaml:"key" secret:"true"`
}

// SetDefaults is what holds where the file says nothing.  The unit is the
// account's: see fillUnit.
func (o *OpenPAYGO) SetDefaults() {
	o.Document = openpaygo.Defaults()
	o.Unit = ""
}

// fillUnit is the unit of tokens where the file says nothing: what the account
// can take.
func (c *Config) fillUnit(o *OpenPAYGO) {
	switch {
	case o.Unit != "":
	case c.Credit.Mode == credit.InMoney && c.Credit.KWhPrice == 0:
		o.Unit = openpaygo.Money
	default:
		o.Unit = openpaygo.KWh
	}
}

// SetDefaults is what holds where the file says nothing.
func (s *STS) SetDefaults() { s.Document = sts.Defaults() }

// STS is the document of that scheme with its keys kept out of the file.
type STS struct {
	sts.Document `yaml:",inline"`
	// The meter's decoder key, in a file or an environment variable: 32 hex digits of ea11, 16 of ea07.
	// Give it, or vending_key with the meter's identity.
	// Example: {file: sts.key}
	DecoderSecret string `yaml:"decoder_key" secret:"true"`
	// The vending key that the decoder key is made from, with pan, sgc, tariff_index, key_type and
	// key_revision: 40 hex digits; 16 are of DKGA02 and experimental. Rarely what a home has.
	// Example: {file: vending.key}
	VendingSecret string `yaml:"vending_key" secret:"true"`
	// The tables of algorithm 07, as JSON, as your operator has them from the STS Association. Needed with
	// ea07 alone.
	// Example: {file: ea07.json}
	TablesText string `yaml:"tables" secret:"true"`
}

// readTables puts the tables of algorithm 07 in their place.
func (s *STS) readTables(l *fault.List) {
	if s.TablesText == "" || s.Tables != nil {
		return
	}
	var err error
	if s.Tables, err = sts.ReadTables([]byte(s.TablesText)); err != nil {
		l.Add("tokens.sts.tables", "give the file as your operator has it from the STS Association", "%v", err)
	}
}
