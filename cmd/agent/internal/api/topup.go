package api

import "time"

// Problem is the answer to a request that could not be carried out, with the members of RFC 9457.
type Problem struct {
	Error  Fault  `json:"error"`
	Type   string `json:"type"`            // urn:keeplit: and the code
	Title  string `json:"title"`           // of the status
	Status int    `json:"status"`          // of the answer
	Detail string `json:"detail"`          // the message
	Scope  string `json:"scope,omitempty"` // that the program's token lacks, of code scope

	// What is wrong with the configuration, where that is why nothing is answered.
	Faults []ConfigFault `json:"faults,omitempty"`
}

// ConfigFault is one thing that is wrong with the configuration. What stands in the file is not repeated.
type ConfigFault struct {
	Line    int    `json:"line,omitempty"` // from 1; left out where it is not known
	Key     string `json:"key"`            // the key's path; empty for the file itself
	Problem string `json:"problem"`
	Remedy  string `json:"remedy"` // what to do
}

// Fault is what was wrong with a request.
type Fault struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Token is a token's digits, or a text that holds several: POST /api/v1/topup.
type Token struct {
	Token string `json:"token"`
}

// TokenMessage is a token's digits over MQTT, or a text that holds several; the
// digits or the text alone do too.
type TokenMessage struct {
	Token string `json:"token"`
	ID    string `json:"id"` // given back with the result
}

// TopUp answers a Token over HTTP.
type TopUp struct {
	Outcome   string     `json:"outcome"`
	Amount    string     `json:"amount"`
	Paid      []Part     `json:"paid,omitempty"`
	Balance   string     `json:"balance,omitempty"`
	Effect    string     `json:"effect,omitempty"`
	At        *time.Time `json:"at,omitempty"`
	TriesLeft *int       `json:"tries_left,omitempty"`
	Until     *time.Time `json:"until,omitempty"`
	Restored  bool       `json:"restored"`
	Message   string     `json:"message"`
	// Next is what the next top-ups will pay of the debts, where there are some.
	Next *Foretold `json:"next,omitempty"`
	// Slip is what keeps it from being a whole token: short, long, letter, unclear (several numbers, and which of them is the token cannot be told) or form.
	Slip string `json:"slip,omitempty"`
	// Tokens is what became of each, in the order of the text, where there were
	// several: the rest is then of all together.
	Tokens []Receipt `json:"tokens,omitempty"`
}

// Foretold is what each of the next top-ups of an amount will pay of the debts, at
// most three; it ends with the debts.
type Foretold struct {
	Amount string   `json:"amount"`
	ToDebt []string `json:"to_debt"`
}

// Receipt is what became of one of several tokens.
type Receipt struct {
	N       int        `json:"n"`    // its place in the text, from 1
	Ends    string     `json:"ends"` // its last three digits
	Outcome string     `json:"outcome"`
	Slip    string     `json:"slip,omitempty"`
	Amount  string     `json:"amount"`
	Paid    []Part     `json:"paid,omitempty"`
	Effect  string     `json:"effect,omitempty"`
	At      *time.Time `json:"at,omitempty"`
	Message string     `json:"message"`
}

// Part is a named share of an amount.
type Part struct {
	Name   string `json:"name"`
	Amount string `json:"amount"`
}

// TokenResult answers a TokenMessage, on token/result.
type TokenResult struct {
	ID          string    `json:"id,omitempty"`
	Result      string    `json:"result"` // the code of the scheme: accept, used, crc, ...
	Text        string    `json:"text"`
	Bought      string    `json:"bought,omitempty"`
	Balance     string    `json:"balance"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	Supply      string    `json:"supply"`        // afterwards
	Pay         *string   `json:"pay,omitempty"` // what must be paid so that credit is no cause of darkness any more; absent: nothing, or no one top-up is enough
	Wait        float64   `json:"wait_s,omitempty"`
	At          time.Time `json:"at"`
	// Tokens is what became of each, in the order of the text, where there were
	// several: Result and Text are then of the one that the list ended at, else of
	// all together.
	Tokens []TokenReceipt `json:"tokens,omitempty"`
}

// TokenReceipt is what became of one of several tokens of a TokenMessage.
type TokenReceipt struct {
	N           int    `json:"n"`      // its place in the text, from 1
	Result      string `json:"result"` // as TokenResult's, or waiting
	Text        string `json:"text"`
	Bought      string `json:"bought,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`
}

// TopUpNeed is the smallest top-up that lasts: GET /api/v1/topup.
type TopUpNeed struct {
	Until time.Time `json:"until"`
	Safe  *string   `json:"safe"` // lasts in nine of ten futures; null: no one top-up does
	Even  *string   `json:"even"` // in half of them
}
