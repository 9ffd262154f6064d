package policy

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/form"
)

// MostBytes is the longest envelope that is looked at.
const MostBytes = 64 << 10

// Kinds of what is signed, as the protected header "typ" names them: an
// acknowledgement can never be taken for an order.
const (
	kindPolicy   = "keeplit-policy"
	kindKeys     = "keeplit-keys"
	kindAck      = "keeplit-ack"
	kindReadings = "keeplit-readings"
)

// version is that of the envelopes.
const version = 1

// Stream is a kind of order with an order of its own: what is late in one holds
// up no other.
type Stream string

// The streams.
const (
	Tariff    Stream = "tariff"    // prices
	Rates     Stream = "rates"     // whole tariff documents
	Token     Stream = "token"     // tokens; only for one site
	Message   Stream = "message"   // words to the customer
	Limit     Stream = "limit"     // how much the site may draw
	Demand    Stream = "event"     // what the household is asked for, and may opt out of
	Read      Stream = "read"      // readings that are asked for
	Clock     Stream = "time"      // what time it is, as the utility has it
	Supply    Stream = "supply"    // whether the site is disconnected
	Heartbeat Stream = "heartbeat" // who limits is alive
	Receipt   Stream = "receipt"   // acknowledgements that were taken
)

// Streams is every stream.
func Streams() []Stream {
	return []Stream{Tariff, Rates, Token, Message, Limit, Demand, Read, Clock, Supply, Heartbeat, Receipt}
}

// AckWish is how much is to be acknowledged.
type AckWish string

// The wishes.
const (
	AckNone     AckWish = "none"
	AckReceived AckWish = "received" // that it was taken, or why not
	AckApplied  AckWish = "applied"  // and when it had its effect and when that ended
)

// Envelope is what a utility signs.  Times are to the second, UTC.
type Envelope struct {
	V         int             `json:"v"`
	Issuer    string          `json:"iss"`
	Audience  string          `json:"aud"` // site:<id> or group:<id>
	Stream    Stream          `json:"stream"`
	Epoch     uint64          `json:"epoch"`
	Seq       uint64          `json:"seq"` // in issuer, audience, stream and epoch
	ID        string          `json:"id"`
	Issued    time.Time       `json:"iat"`
	NotBefore time.Time       `json:"nbf,omitzero"`
	Expires   time.Time       `json:"exp"`
	Ack       AckWish         `json:"ack,omitempty"`
	Body      json.RawMessage `json:"body"`
}

// mostSeq is the greatest number that every JSON reader has exactly.
const mostSeq = 1<<53 - 1

var (
	idForm   = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)                  //nolint:gochecknoglobals // compiled once, never changed
	nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,62}$`)             //nolint:gochecknoglobals // compiled once, never changed
	audForm  = regexp.MustCompile(`^(site|group):[a-z0-9][a-z0-9-]{0,62}$`) //nolint:gochecknoglobals // compiled once, never changed
)

// IsAudience tells whether text names a site or a group.
func IsAudience(text string) bool { return audForm.MatchString(text) }

// The years that a time may be of.
const firstYear, lastYear = 2000, 2200

func inTime(t time.Time) bool { return t.UTC().Year() >= firstYear && t.UTC().Year() <= lastYear }

// Check is what is wrong with the envelope as such; nil: nothing.
func (e Envelope) Check() error {
	switch {
	case e.V != version:
		return fmt.Errorf("v is %d; this program knows %d", e.V, version)
	case !nameForm.MatchString(e.Issuer):
		return fmt.Errorf("iss is %.80q; write lower-case letters, digits, dots and hyphens", e.Issuer)
	case !audForm.MatchString(e.Audience):
		return fmt.Errorf("aud is %.80q; write site:<id> or group:<id>", e.Audience)
	case !slices.Contains(Streams(), e.Stream):
		return fmt.Errorf("stream is %.80q, which is none", string(e.Stream))
	case e.Seq < 1 || e.Seq > mostSeq || e.Epoch < 1 || e.Epoch > mostSeq:
		return fmt.Errorf("seq is %d and epoch %d; both count from 1 up to 2^53-1", e.Seq, e.Epoch)
	case !idForm.MatchString(e.ID):
		return fmt.Errorf("id is %.80q; write 1 to 64 letters, digits, _ and -", e.ID)
	case !inTime(e.Issued) || !inTime(e.Expires) || !e.NotBefore.IsZero() && !inTime(e.NotBefore):
		return errors.New("iat, nbf or exp is of no year that there is")
	case !e.Expires.After(e.Issued) || !e.Expires.After(e.NotBefore):
		return errors.New("exp is not after iat and nbf")
	case !slices.Contains([]AckWish{"", AckNone, AckReceived, AckApplied}, e.Ack):
		return fmt.Errorf("ack is %.80q; write none, received or applied", string(e.Ack))
	}
	return nil
}

// ref names an envelope in an acknowledgement.
func (e Envelope) ref() Ref {
	return Ref{Issuer: e.Issuer, Audience: e.Audience, Stream: e.Stream, Epoch: e.Epoch, Seq: e.Seq, ID: e.ID}
}

// digest names what was signed: two envelopes that differ in bytes and say the same
// are one.
func digest(payload []byte) string {
	sum := sha256.Sum256(payload)
	return hex.EncodeToString(sum[:16])
}

// KeyID is the name of a public key, as the header "kid" has it.
func KeyID(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// EncodeKey is a public key as text: 43 characters of base64url.
func EncodeKey(public ed25519.PublicKey) string { return base64.RawURLEncoding.EncodeToString(public) }

// DecodeKey reads EncodeKey's text, in that form alone.
func DecodeKey(text string) (ed25519.PublicKey, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%.60q is no public key: write the 43 characters that \"agent policy keygen\" printed", text)
	}
	return raw, nil
}

// Sign signs an envelope with one key; what disconnects, with two.
func (e Envelope) Sign(keys ...ed25519.PrivateKey) (string, error) {
	e.Issued, e.Expires = e.Issued.UTC(), e.Expires.UTC()
	if err := e.Check(); err != nil {
		return "", err
	}
	payload, err := json.Marshal(e)
	if err != nil {
		return "", err
	}
	text, err := sign(kindPolicy, payload, keys...)
	return strings.TrimSpace(text), err
}

// sign signs a payload: with one key in the compact form, with several in the JSON
// form, on one line.
func sign(kind string, payload []byte, keys ...ed25519.PrivateKey) (string, error) {
	all := make([]jose.SigningKey, 0, len(keys))
	for _, k := range keys {
		if len(k) != ed25519.PrivateKeySize {
			return "", errors.New("no key to sign with")
		}
		public, _ := k.Public().(ed25519.PublicKey)
		all = append(all, jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: k, KeyID: KeyID(public)}})
	}
	signer, err := jose.NewMultiSigner(all, (&jose.SignerOptions{}).WithType(jose.ContentType(kind)))
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	if len(keys) == 1 {
		return signed.CompactSerialize()
	}
	return signed.FullSerialize(), nil
}

// opened is an envelope that can be read so far; nothing of it is believed.
type opened struct {
	kind string
	jws  *jose.JSONWebSignature
	kids []string // of the signatures
}

// open takes an envelope apart.
func open(text []byte) (opened, *RefusedError) {
	if len(text) > MostBytes {
		return opened{}, &RefusedError{Oversize, fmt.Sprintf("it has %d bytes; the most is %d", len(text), MostBytes)}
	}
	compact := strings.TrimSpace(string(text))
	parse := jose.ParseSignedCompact
	if strings.HasPrefix(compact, "{") {
		parse = jose.ParseSignedJSON
	}
	jws, err := parse(compact, []jose.SignatureAlgorithm{jose.EdDSA})
	var other *jose.ErrUnexpectedSignatureAlgorithm
	switch {
	case errors.As(err, &other):
		return opened{}, &RefusedError{Forged, fmt.Sprintf("it is signed with %.20q; only EdDSA is known", string(other.Got))}
	case err != nil:
		return opened{}, &RefusedError{Unreadable, "it is no JWS: " + short(err)}
	}
	if !strings.HasPrefix(compact, "{") {
		// Bytes that base64 leaves free make others of the same envelope.
		if again, err := jws.CompactSerialize(); err != nil || again != compact {
			return opened{}, &RefusedError{Unreadable, "its base64 is not as it is written"}
		}
	}
	o := opened{jws: jws}
	for _, s := range jws.Signatures {
		h := s.Protected
		kind, _ := h.ExtraHeaders[jose.HeaderType].(string)
		switch {
		case s.Unprotected.KeyID != "" || s.Unprotected.Algorithm != "" || s.Unprotected.JSONWebKey != nil || len(s.Unprotected.ExtraHeaders) > 0:
			return opened{}, &RefusedError{Unreadable, "a header is outside the signature"}
		case h.JSONWebKey != nil || h.Nonce != "" || len(h.ExtraHeaders) != 1 || h.KeyID == "" || len(h.KeyID) > 64:
			return opened{}, &RefusedError{Unreadable, "its header holds more or less than alg, kid and typ"}
		case o.kind != "" && o.kind != kind || !slices.Contains([]string{kindPolicy, kindKeys, kindAck, kindReadings}, kind):
			return opened{}, &RefusedError{Unreadable, fmt.Sprintf("typ is %.40q", kind)}
		}
		if slices.Contains(o.kids, h.KeyID) || len(o.kids) >= 2*mostRoots {
			return opened{}, &RefusedError{Unreadable, "one key signed it twice, or too many did"}
		}
		o.kind = kind
		o.kids = append(o.kids, h.KeyID)
	}
	return o, nil
}

// by answers the payload where the key with that name signed it.
func (o opened) by(public ed25519.PublicKey) (payload []byte, ok bool) {
	i := slices.Index(o.kids, KeyID(public))
	if i < 0 || len(public) != ed25519.PublicKeySize {
		return nil, false
	}
	one := *o.jws
	one.Signatures = one.Signatures[i : i+1]
	payload, err := one.Verify(public)
	return payload, err == nil
}

// read reads a JSON document to the letter.
func read(payload []byte, into any) error {
	tree, err := form.Parse(payload)
	if err != nil {
		return errors.New(short(err))
	}
	if err := form.Fit(tree, into); err != nil {
		var faults fault.List
		if errors.As(err, &faults) && len(faults) > 0 {
			return fmt.Errorf("%.80s: %.120s", faults[0].Path, faults[0].Problem)
		}
		return errors.New(short(err))
	}
	return nil
}

// short is an error in one line that nobody can make long.
func short(err error) string {
	return fmt.Sprintf("%.160s", strings.Map(printable, strings.ToValidUTF8(err.Error(), "?")))
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}
