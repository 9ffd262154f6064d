package main

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/internal/durable"
	"github.com/keeplit/keeplit/internal/units"
)

// policyKeysCmd signs a key set.
type policyKeysCmd struct {
	File   string   `arg:"" help:"The key set, JSON; - is standard input."`
	Issuer string   `required:"" help:"The utility's name."`
	Key    []string `required:"" placeholder:"FILE" help:"Private root keys: as many of the old ones as the old set asks for, and of the new."`
}

// Run prints the signed key set.
func (c policyKeysCmd) Run(e *env) error {
	data, err := readInput(e, c.File)
	if err != nil {
		return err
	}
	set, err := policy.ReadKeySet(data)
	if err != nil {
		return &exitError{exitInvalid, fmt.Errorf("%s: %w", c.File, err)}
	}
	var keys []ed25519.PrivateKey
	var roots []ed25519.PublicKey
	for _, name := range c.Key {
		k, err := readKey(name)
		if err != nil {
			return err
		}
		public, _ := k.Public().(ed25519.PublicKey)
		keys, roots = append(keys, k), append(roots, public)
	}
	if err := set.CheckSigning(c.Issuer, time.Now(), roots); err != nil {
		return &exitError{exitInvalid, err}
	}
	text, err := policy.SignKeys(c.Issuer, time.Now(), set, keys...)
	if err != nil {
		return &exitError{exitInvalid, err}
	}
	_, err = fmt.Fprintln(e.Stdout, text)
	return err
}

// signFlags are what every signature needs.
type signFlags struct {
	Issuer  string `required:"" help:"The utility's name."`
	To      string `required:"" placeholder:"site:ID" help:"For whom: site:<id> or group:<id>."`
	Key     string `required:"" placeholder:"FILE" help:"Private key of a signer of the key set."`
	Epoch   uint64 `default:"1" help:"Of the key set in force."`
	Numbers string `default:"numbers" placeholder:"FOLDER" help:"Where the last number of each stream is kept."`
}

// policySignCmd signs one envelope.
type policySignCmd struct {
	signFlags
	File    string        `arg:"" optional:"" help:"The body, JSON (docs/policy.md); - is standard input."`
	Second  string        `placeholder:"FILE" help:"Second private key: two sign what disconnects, and rules of protection."`
	Stream  string        `required:"" enum:"tariff,rates,token,message,limit,event,read,time,supply" help:"tariff, rates, token, message, limit, event, read, time or supply."`
	Limit   string        `placeholder:"POWER" help:"Instead of a file: a limit from now on, such as \"4.2 kW\"."`
	Level   int           `default:"-1" placeholder:"N" help:"Instead of a file: an event of that level of SIMPLE, 0 to 3, from now on."`
	Message string        `placeholder:"TEXT" help:"Instead of a file: words to the customer."`
	Tariff  string        `placeholder:"FILE" help:"Instead of a file: a whole tariff document; needs --event, its name, and --day."`
	Day     string        `placeholder:"DAY" help:"The first day on which the document of --tariff holds, such as 2027-01-01."`
	Token   []string      `sep:"none" placeholder:"DIGITS" help:"Instead of a file: a token to enter."`
	Event   string        `help:"Id of the event, with --limit, --level, --message and --tariff; it takes the place of one with the same id."`
	Lasts   string        `default:"PT1H" placeholder:"PT1H" help:"Length of --limit, --level and --message."`
	Cancel  string        `placeholder:"EVENT" help:"Instead of a file: take an event or a tariff document back."`
	Clear   bool          `help:"Instead of a file: there is no limit any more."`
	Notice  string        `placeholder:"ID" help:"Instead of a file: announce a disconnection; needs --from and --why."`
	From    time.Time     `placeholder:"TIME" help:"Not before, with --notice; the beginning, with --read; RFC 3339."`
	Why     string        `placeholder:"TEXT" help:"Why, with --notice."`
	Cut     string        `name:"disconnect" placeholder:"ID" help:"Instead of a file: disconnect, as it was announced; needs --until and --second."`
	Until   time.Time     `placeholder:"TIME" help:"When it ends by itself, with --disconnect; the end, with --read; RFC 3339."`
	Ready   bool          `help:"Instead of a file: no disconnection any more."`
	Read    string        `placeholder:"ID" help:"Instead of a file: ask for the registers and the site's intervals; needs --from and --until."`
	Clock   bool          `help:"Instead of a file: what time it is."`
	Seq     uint64        `help:"The number; without it the next one of the stream."`
	For     time.Duration `help:"How long the envelope is good; 1h; 31 days for a tariff document, 15m for an order to disconnect, 2m for what time it is."`
	Ack     string        `default:"applied" enum:"none,received,applied" help:"What is to be acknowledged: none, received or applied."`
}

// Run prints the envelope.
func (c policySignCmd) Run(e *env) error {
	body, err := c.body(e)
	if err != nil {
		return err
	}
	stream := policy.Stream(c.Stream)
	if !policy.IsAudience(c.To) {
		return notAudience(c.To)
	}
	if body, err = policy.ReadBody(stream, c.To, body, time.Now()); err != nil {
		return &exitError{exitInvalid, fmt.Errorf("the body: %w", err)}
	}
	keys, most := policy.Demands(stream, body)
	good := c.For
	switch {
	case keys > 1 && c.Second == "":
		return &exitError{exitUsage, errors.New("give --second: two keys sign what disconnects, and rules of protection")}
	case keys == 1 && c.Second != "":
		return &exitError{exitUsage, errors.New("leave --second out: one key signs this")}
	case most > 0 && good > most:
		return &exitError{exitUsage, fmt.Errorf("--for %s: this is good for %s at the most", good, most)}
	case good != 0:
	case most > 0:
		good = most
	case stream == policy.Rates:
		good = 31 * 24 * time.Hour // the broker keeps it for sites that are away
	default:
		good = time.Hour
	}
	text, err := c.sign(stream, c.Seq, good, policy.AckWish(c.Ack), body, c.Second)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(e.Stdout, text)
	return err
}

// body is what is to be signed, from a file or the short ways.
func (c policySignCmd) body(e *env) ([]byte, error) {
	given := 0
	for _, is := range []bool{c.File != "", c.Limit != "", c.Level >= 0, c.Message != "", c.Tariff != "", len(c.Token) > 0, c.Cancel != "", c.Clear, c.Notice != "", c.Cut != "", c.Ready, c.Read != "", c.Clock} {
		if is {
			given++
		}
	}
	if given != 1 {
		return nil, &exitError{exitUsage, errors.New("give one of a file, --limit, --level, --message, --tariff, --token, --cancel, --clear, --notice, --disconnect, --ready, --read and --clock")}
	}
	switch {
	case c.Notice != "" && (c.From.IsZero() || c.Why == ""):
		return nil, &exitError{exitUsage, errors.New("--notice needs --from and --why")}
	case c.Cut != "" && (c.Until.IsZero() || c.Second == ""):
		return nil, &exitError{exitUsage, errors.New("--disconnect needs --until, and --second: two keys sign it")}
	case c.Notice != "":
		return json.Marshal(map[string]any{"notice": map[string]any{"id": c.Notice, "why": c.Why, "from": c.From.UTC()}})
	case c.Cut != "":
		return json.Marshal(map[string]any{"disconnect": map[string]any{"id": c.Cut, "until": c.Until.UTC()}})
	case c.Read != "" && (c.From.IsZero() || c.Until.IsZero()):
		return nil, &exitError{exitUsage, errors.New("--read needs --from and --until")}
	case c.Read != "":
		return json.Marshal(map[string]any{"read": map[string]any{"id": c.Read, "from": c.From.UTC(), "to": c.Until.UTC(), "intervals": []string{"site"}, "registers": true}})
	case c.Tariff != "":
		return c.rates(e)
	case c.Clock:
		return []byte(`{}`), nil
	case c.Ready:
		return []byte(`{"ready":true}`), nil
	}
	if c.Lasts == "PT0S" && c.File == "" {
		return nil, &exitError{exitUsage, errors.New("--lasts PT0S is no time; an event is taken back with --cancel")}
	}
	event := func(kind string, values ...any) ([]byte, error) {
		id := c.Event
		if id == "" {
			id = c.Stream + "-" + strconv.FormatInt(time.Now().UnixMilli(), 36)
		}
		return json.Marshal(map[string]any{"event": map[string]any{
			"id": id, "programID": "keeplit", "intervalPeriod": map[string]any{"start": "0001-01-01", "duration": c.Lasts},
			"intervals": []any{map[string]any{"id": 0, "payloads": []any{map[string]any{"type": kind, "values": values}}}},
		}})
	}
	switch {
	case c.File != "":
		return readInput(e, c.File)
	case c.Limit != "":
		p, err := units.ParsePower(c.Limit)
		if err != nil {
			return nil, &exitError{exitUsage, fmt.Errorf("--limit: %w", err)}
		}
		return event(policy.TypeLimit, json.Number(strconv.FormatFloat(p.W()/1000, 'f', -1, 64)))
	case c.Level >= 0:
		return event(policy.TypeSimple, c.Level)
	case c.Message != "":
		return event(policy.TypeMessage, c.Message)
	case len(c.Token) > 0:
		values := make([]any, len(c.Token))
		for i, t := range c.Token {
			values[i] = t
		}
		return event(policy.TypeToken, values...)
	}
	return json.Marshal(policy.Body{Cancel: c.Cancel, Clear: c.Clear})
}

// rates is the body of a tariff document, checked as "agent tariff check" does.
func (c policySignCmd) rates(e *env) ([]byte, error) {
	switch {
	case c.Event == "" || c.Day == "":
		return nil, &exitError{exitUsage, errors.New("--tariff needs --event, the document's name, and --day, its first one")}
	case policy.Stream(c.Stream) != policy.Rates:
		return nil, &exitError{exitUsage, errors.New("--tariff is of --stream rates")}
	}
	if _, err := readTariff(e.Stderr, c.Tariff); err != nil {
		return nil, err
	}
	text, err := tariffText(c.Tariff)
	if err != nil {
		return nil, err
	}
	return policy.RatesBody(policy.RatesDocument{ID: c.Event, From: c.Day, Tariff: string(text)})
}

func notAudience(to string) error {
	return &exitError{exitUsage, fmt.Errorf("--to %q is no audience: write site:<id> or group:<id>", to)}
}

// sign signs an envelope with the number seq, or the next one of its stream.
func (f signFlags) sign(stream policy.Stream, seq uint64, good time.Duration, ack policy.AckWish, body []byte, second ...string) (string, error) {
	var keys []ed25519.PrivateKey
	for _, name := range append([]string{f.Key}, second...) {
		if name == "" {
			continue
		}
		key, err := readKey(name)
		if err != nil {
			return "", err
		}
		keys = append(keys, key)
	}
	var err error
	if !policy.IsAudience(f.To) {
		return "", notAudience(f.To)
	}
	if seq == 0 {
		if seq, err = f.next(stream); err != nil {
			return "", err
		}
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	text, err := policy.Envelope{
		V: 1, Issuer: f.Issuer, Audience: f.To, Stream: stream, Epoch: f.Epoch, Seq: seq, ID: fmt.Sprintf("%s-%d-%d", stream, f.Epoch, seq),
		Issued: now, Expires: now.Add(good), Ack: ack, Body: body,
	}.Sign(keys...)
	if err != nil {
		return "", &exitError{exitInvalid, err}
	}
	return text, nil
}

// next is the next number of a stream, written down before it is used: one that is lost
// does no harm, one that is used twice is refused.
func (f signFlags) next(stream policy.Stream) (uint64, error) {
	if err := os.MkdirAll(f.Numbers, 0o700); err != nil {
		return 0, err
	}
	name := filepath.Join(f.Numbers, fmt.Sprintf("%s.%s.%d", strings.ReplaceAll(f.To, ":", "."), stream, f.Epoch))
	last := uint64(0)
	switch data, err := os.ReadFile(name); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return 0, err
	default:
		if last, err = strconv.ParseUint(strings.TrimSpace(string(data)), 10, 53); err != nil {
			return 0, &exitError{exitInvalid, fmt.Errorf("%s does not hold a number: %w", name, err)}
		}
	}
	return last + 1, durable.WriteFile(name, []byte(strconv.FormatUint(last+1, 10)+"\n"))
}
