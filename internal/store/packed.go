package store

import (
	"bytes"
	"cmp"
	"compress/flate"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// A checkpoint is written each minute, and a memory card lives by what is written to it.
// Most of it, a plan say, is what it was a minute ago.  So a whole checkpoint, the base, is
// stored packed (gzip, RFC 1952) once in a while, and each one by what differs from it.  What is
// stored names its base by its sum, and both are written in one transaction: a reader gets
// the document as it was, to the byte, or knows that it does not.

// packFrom is the least size that is worth packing.
const packFrom = 512

// mostUnpacked is more than a checkpoint ever has.
const mostUnpacked = 64 << 20

// window is how far back DEFLATE (RFC 1951) can refer.
const window = 32 << 10

// fits is the size of a difference that takes no page besides its row's.
const fits = 800

// base is a whole checkpoint by which the ones after it are told.  It is a value, but for
// what it counts.
type base struct {
	sum     string
	packed  []byte // as it is stored
	members map[string]json.RawMessage
	dict    []byte
	over    int // bytes of differences since that were more than they may be
}

// newBase is a document as a base; nil where it is none: no JSON object, or too short.
func newBase(doc []byte) (*base, error) {
	members, ok := membersOf(doc)
	if !ok || len(doc) < packFrom {
		return nil, nil //nolint:nilnil // there is none, and nothing failed
	}
	packed, err := pack(doc)
	if err != nil {
		return nil, err
	}
	b := &base{sum: sumOf(doc), packed: packed, members: map[string]json.RawMessage{}}
	for _, m := range members {
		b.members[m.name] = m.value
	}
	// The greatest members first: they are the ones that change least, and may be beyond reach.
	slices.SortStableFunc(members, func(a, b member) int { return cmp.Compare(len(b.value), len(a.value)) })
	for _, m := range members {
		b.dict = append(b.dict, m.value...)
	}
	b.dict = b.dict[max(0, len(b.dict)-window):]
	return b, nil
}

// readBase is the base in the file; nil where there is none, or it is not as it was stored.
func readBase(ctx context.Context, q querier) (*base, error) {
	data, sum, err := storedBase(ctx, q)
	if err != nil {
		return nil, err
	}
	whole, err := unpack(data)
	if err != nil || sumOf(whole) != sum {
		return nil, nil //nolint:nilnil,nilerr // the next checkpoint makes another
	}
	b, err := newBase(whole)
	if b != nil {
		b.packed = data
	}
	return b, err
}

// storedBase is the base's row as it is; nothing where there is none.
func storedBase(ctx context.Context, q querier) (data []byte, sum string, err error) {
	err = q.QueryRowContext(ctx, "SELECT data, sum FROM checkpoint_base").Scan(&data, &sum)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return data, sum, err
}

// proveBase lets the base go where the file has another: a checkpoint that is told by it could
// not be read again, and what was stored whole each time would have mended by itself.  A row
// that cannot be read is left alone, so that what is written beside it is stored.  mu is held.
func (s *Store) proveBase(ctx context.Context) {
	if !s.known || s.base == nil {
		return
	}
	switch data, sum, err := storedBase(ctx, s.main); {
	case err != nil:
		s.log.Error("the base of the stored state cannot be read: the state is stored without one", "error", err)
		s.base, s.whole = nil, true
	case sum != s.base.sum || !bytes.Equal(data, s.base.packed):
		s.log.Warn("the base of the stored state was changed in the file, by hand or by the disk: it is written anew", "file", s.path(mainFile))
		s.base = nil
	}
}

// differs is what makes doc of the base, packed: a JSON array of its members in their order, a
// name where it is as in the base and an object of one member where it is not.  nil where doc
// is no object.
func (b *base) differs(doc []byte) ([]byte, error) {
	members, ok := membersOf(doc)
	if !ok {
		return nil, nil
	}
	var list bytes.Buffer
	list.WriteByte('[')
	for i, m := range members {
		if i > 0 {
			list.WriteByte(',')
		}
		if old, same := b.members[m.name]; same && bytes.Equal(old, m.value) {
			list.WriteString(quote(m.name))
		} else {
			fmt.Fprintf(&list, "{%s:%s}", quote(m.name), m.value)
		}
	}
	list.WriteByte(']')
	var out bytes.Buffer
	w, err := flate.NewWriterDict(&out, flate.BestCompression, b.dict)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(list.Bytes()); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// apply is the document that differs from the base so.
func (b *base) apply(difference []byte) ([]byte, error) {
	text, err := atMost(flate.NewReaderDict(bytes.NewReader(difference), b.dict))
	if err != nil {
		return nil, err
	}
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	var members []member
	for _, m := range list {
		var name string
		if json.Unmarshal(m, &name) == nil {
			value, ok := b.members[name]
			if !ok {
				return nil, fmt.Errorf("its base has no %q", name)
			}
			members = append(members, member{name, value})
			continue
		}
		own, ok := membersOf(m)
		if !ok {
			return nil, errors.New("it is no list of members")
		}
		members = append(members, own...)
	}
	return join(members), nil
}

// worn counts a difference, and tells whether those since the base have cost half of what a new
// base does.  What changes each minute is a quarter of it at the most.
func (b *base) worn(size int) bool {
	b.over += max(0, size-max(fits, len(b.packed)/4))
	return b.over > len(b.packed)/2
}

// member is one of an object, with its text as it stands there.
type member struct {
	name  string
	value json.RawMessage
}

// membersOf is an object by its members; false where they, joined, are not doc to the byte.
func membersOf(doc []byte) (all []member, ok bool) {
	d := json.NewDecoder(bytes.NewReader(doc))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	for d.More() {
		var m member
		t, err := d.Token()
		if err != nil {
			return nil, false
		}
		m.name, ok = t.(string)
		if !ok || d.Decode(&m.value) != nil {
			return nil, false
		}
		all = append(all, m)
	}
	return all, bytes.Equal(join(all), doc)
}

func join(members []member) []byte {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString(quote(m.name) + ":")
		out.Write(m.value)
	}
	out.WriteByte('}')
	return out.Bytes()
}

func quote(name string) string {
	text, _ := json.Marshal(name) // a string always has a text
	return string(text)
}

// pack is a whole checkpoint as it is stored.
func pack(data []byte) ([]byte, error) {
	if len(data) < packFrom {
		return data, nil
	}
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Unpack is a checkpoint, of its columns as they are stored: data of checkpoint, and where base
// there is not empty, data of checkpoint_base.
func Unpack(data []byte, baseSum string, baseData []byte) ([]byte, error) {
	if baseSum == "" {
		return unpack(data)
	}
	whole, err := unpack(baseData)
	if err != nil {
		return nil, fmt.Errorf("its base: %w", err)
	}
	b, err := newBase(whole)
	if err != nil || b == nil || b.sum != baseSum {
		return nil, errors.Join(err, errors.New("its base is not the one that it was stored by"))
	}
	return b.apply(data)
}

// unpack is a whole document.  What does not begin as gzip does was stored as it is.
func unpack(data []byte) ([]byte, error) {
	if !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return data, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return atMost(r)
}

func atMost(r io.Reader) ([]byte, error) {
	out, err := io.ReadAll(io.LimitReader(r, mostUnpacked+1))
	if err == nil && len(out) > mostUnpacked {
		err = fmt.Errorf("it is longer than %d bytes", mostUnpacked)
	}
	return out, err
}
