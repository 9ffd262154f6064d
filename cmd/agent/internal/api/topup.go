package api

import "time"

// Problem is the answer to a request that could not be carried out.
type Problem struct {
	Error Fault `json:"error"`
}

// Fault is what was wrong with a request.
type Fault struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Token is a token's digits: POST /api/v1/topup.
type Token struct {
	Token string `json:"token"`
}

// TokenMessage is a token's digits over MQTT, where the digits alone do too.
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
	Pay         *string   `json:"pay,omitempty"` // what must be paid for light again; absent: nothing, or no one top-up is enough
	Wait        float64   `json:"wait_s,omitempty"`
	At          time.Time `json:"at"`
}

// TopUpNeed is the smallest top-up that lasts: GET /api/v1/topup.
type TopUpNeed struct {
	Until time.Time `json:"until"`
	Safe  *string   `json:"safe"` // lasts in nine of ten futures; null: no one top-up does
	Even  *string   `json:"even"` // in half of them
}
