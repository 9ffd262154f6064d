package config

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// longestSecret is more than any key, PIN or password needs.
const longestSecret = 64 << 10

// readSecret reads a file that holds a secret.  A device or a pipe may give
// bytes for ever, or none and keep whoever reads it waiting.
func readSecret(name string) ([]byte, error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, longestSecret+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if len(data) > longestSecret {
		return nil, fmt.Errorf("%s is longer than %d bytes; a secret is not", name, longestSecret)
	}
	return data, nil
}
