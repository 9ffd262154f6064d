package main

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// How a state is stored is told in internal/store/FORMAT.md.

func (r *records) unpack() error {
	if len(r.packed) == 0 {
		return nil
	}
	text, err := plain(r.packed)
	if r.baseSum != "" {
		text, err = r.told()
	}
	if err != nil {
		return fmt.Errorf("the stored state: %w", err)
	}
	if hash(text) != r.sum {
		return errors.New("the stored state is not that of its sum")
	}
	return json.Unmarshal(text, &r.state)
}

// told is a state that is told by what differs from its base.
func (r *records) told() ([]byte, error) {
	base, err := plain(r.base)
	if err != nil {
		return nil, err
	}
	if hash(base) != r.baseSum {
		return nil, errors.New("its base is another")
	}
	names, values, err := object(base)
	if err != nil {
		return nil, err
	}
	order := slices.Clone(names)
	slices.SortStableFunc(order, func(a, b string) int { return len(values[b]) - len(values[a]) })
	var known []byte
	for _, name := range order {
		known = append(known, values[name]...)
	}
	list, err := io.ReadAll(flate.NewReaderDict(bytes.NewReader(r.packed), known[max(0, len(known)-32<<10):]))
	if err != nil {
		return nil, err
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(list, &parts); err != nil {
		return nil, err
	}
	out := []byte("{")
	for i, p := range parts {
		if i > 0 {
			out = append(out, ',')
		}
		if p[0] == '{' {
			out = append(out, p[1:len(p)-1]...)
			continue
		}
		var name string
		if err := json.Unmarshal(p, &name); err != nil {
			return nil, err
		}
		out = append(append(append(out, p...), ':'), values[name]...)
	}
	return append(out, '}'), nil
}

// object is the members of a JSON object, in their order.
func object(text []byte) (names []string, values map[string]json.RawMessage, err error) {
	if err := json.Unmarshal(text, &values); err != nil {
		return nil, nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	_, err = d.Token()
	for err == nil && d.More() {
		var t json.Token
		var skip json.RawMessage
		t, err = d.Token()
		names = append(names, fmt.Sprint(t))
		err = errors.Join(err, d.Decode(&skip))
	}
	return names, values, err
}

func plain(data []byte) ([]byte, error) {
	if !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return data, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
