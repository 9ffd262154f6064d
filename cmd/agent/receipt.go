package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/sealed"
)

// receiptCmd checks what a box has signed.
type receiptCmd struct {
	Files []string `arg:"" name:"file" help:"Receipts and statements as they were saved; - is standard input."`
	Key   string   `help:"The box's key, as its page System shows it. Without it the key that signed is told, for you to compare."`
}

// Run prints what each file says of itself, and fails where one is not sound.
func (c receiptCmd) Run(e *env) error {
	bad := false
	for _, name := range c.Files {
		said, err := c.check(e, name)
		if err != nil {
			bad = true
			said = "NOT SOUND: " + err.Error()
		}
		if _, err := fmt.Fprintf(e.Stdout, "%s: %s\n", name, said); err != nil {
			return err
		}
	}
	if bad {
		return &exitError{Code: exitInvalid}
	}
	return nil
}

func (c receiptCmd) check(e *env, name string) (string, error) {
	in := e.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	file, err := io.ReadAll(io.LimitReader(in, sealed.Longest+1))
	if err != nil {
		return "", err
	}
	body, key, err := sealed.Open(file)
	if err != nil {
		return "", err
	}
	if c.Key != "" && c.Key != key {
		return "", fmt.Errorf("the key %s signed it, and not the one that was asked for", key)
	}
	out := "sound: signed by " + key
	if m := regexp.MustCompile(`<h1>([^<]*)</h1>`).FindSubmatch(body); m != nil {
		out += ": " + html.UnescapeString(string(m[1]))
	}
	entries, err := entriesIn(body)
	if err != nil {
		return "", err
	}
	for i, x := range entries {
		if i == 0 {
			out += fmt.Sprintf(" of %s on %s", x.Amount, x.At.Format("2006-01-02 15:04 UTC"))
		}
		out += fmt.Sprintf(", entry %d:%s", x.Seq, x.Hash)
	}
	return out, nil
}

// entriesIn are the entries of the ledger that a receipt holds, each checked
// against its hash, and that they follow each other.
func entriesIn(body []byte) ([]credit.Entry, error) {
	_, rest, ok := bytes.Cut(body, []byte(`id="entries">`))
	if !ok {
		return nil, nil
	}
	list, _, ok := bytes.Cut(rest, []byte("</script>"))
	if !ok {
		return nil, errors.New("its entries have no end")
	}
	var out []credit.Entry
	d := json.NewDecoder(strings.NewReader(string(list)))
	d.DisallowUnknownFields()
	for d.More() {
		var x credit.Entry
		if err := d.Decode(&x); err != nil {
			return nil, fmt.Errorf("its entries cannot be read: %w", err)
		}
		if x.Hash != x.Sum() {
			return nil, fmt.Errorf("entry %d does not match its hash", x.Seq)
		}
		if n := len(out); n > 0 && (x.Seq != out[n-1].Seq+1 || x.Prev != out[n-1].Hash) {
			return nil, fmt.Errorf("entry %d does not follow entry %d", x.Seq, out[n-1].Seq)
		}
		out = append(out, x)
	}
	return out, nil
}
