package store

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
)

// A checkpoint is written each minute, and a memory card lives by what is written
// to it: it is stored packed (gzip, RFC 1952), a fifth of its size.

// packFrom is the least size that is worth packing.
const packFrom = 512

// mostUnpacked is more than a checkpoint ever has.
const mostUnpacked = 64 << 20

// pack is a checkpoint as it is stored.
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

// Unpack is a checkpoint, of the column data as it is stored.  What does not begin as gzip does was stored as it
// is.
func Unpack(data []byte) ([]byte, error) {
	if !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return data, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(r, mostUnpacked+1))
	if err == nil && len(out) > mostUnpacked {
		err = fmt.Errorf("it is longer than %d bytes", mostUnpacked)
	}
	return out, err
}
