package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Secrets says where a document's secrets come from.  A string field tagged
// `secret:"true"` takes a mapping {file: PATH} or {env: NAME} and never the
// secret itself, so that a configuration can be shown to anybody.
type Secrets struct {
	Getenv   func(string) string
	ReadFile func(string) ([]byte, error)
	// Mode is a file's mode; nil: who may read a secret is not looked at.
	Mode func(string) (fs.FileMode, error)
}

// FromSystem reads secrets from the process's environment and files.
func FromSystem() Secrets {
	return Secrets{Getenv: os.Getenv, ReadFile: readSecret, Mode: func(name string) (fs.FileMode, error) {
		st, err := os.Stat(name)
		if err != nil {
			return 0, err
		}
		return st.Mode(), nil
	}}
}

// guarded tells whether a file's folder keeps others out though its mode does
// not: where a service manager or a container puts secrets.
func guarded(name string) bool {
	return strings.HasPrefix(name, "/run/secrets/") || strings.HasPrefix(name, "/run/credentials/")
}

func (d *decoder) secret(n ast.Node, v reflect.Value, path string) {
	const remedy = "write {file: PATH} or {env: NAME}"
	if text, ok := scalarText(n); ok {
		if text != "" {
			d.fault(n, path, remedy+", and keep the secret out of this file", "a secret must not stand in the configuration")
		}
		return
	}
	var ref struct {
		File string `yaml:"file"`
		Env  string `yaml:"env"`
	}
	before := len(d.faults)
	d.mapping(n, reflect.ValueOf(&ref).Elem(), path)
	if len(d.faults) > before {
		return
	}
	switch {
	case (ref.File == "") == (ref.Env == ""):
		d.fault(n, path, remedy, "needs one of file and env")
	case ref.File != "":
		d.hidden = append(d.hidden, ref.File)
		if strings.HasPrefix(path, "tokens.") {
			d.keys = append(d.keys, ref.File)
		}
		text, err := d.secrets.ReadFile(ref.File)
		if err != nil {
			var outer *fs.PathError // it names the file, which comes in quotes: it may be the secret itself, in its file's place
			if errors.As(err, &outer) {
				err = outer.Err
			}
			d.fault(n, path, "create the file, readable by the agent's user only", "cannot read the secret: %v (%q)", err, ref.File)
			return
		}
		// Whoever reads the key makes tokens; whoever reads the PIN's hash guesses it.
		if d.secrets.Mode != nil && !guarded(ref.File) {
			if mode, err := d.secrets.Mode(ref.File); err == nil && mode.Perm()&0o027 != 0 {
				d.fault(n, path, "keep others out: chmod 600 "+ref.File, "the secret's file is open to others (mode %04o)", mode.Perm())
				return
			}
		}
		v.SetString(strings.TrimSpace(string(text)))
	default:
		text := d.secrets.Getenv(ref.Env)
		if text == "" {
			d.fault(n, path, "set it in the agent's environment", "the environment variable %q is empty", ref.Env)
			return
		}
		v.SetString(strings.TrimSpace(text))
	}
}

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
		return nil, errors.New("it is not a file")
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
		return nil, fmt.Errorf("it is longer than %d bytes; a secret is not", longestSecret)
	}
	return data, nil
}
