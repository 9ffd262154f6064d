package glo

import "github.com/keeplit/keeplit/internal/fault"

// Secrets are a meter's keys as the configuration names them.
type Secrets struct {
	// The meter's encryption key, 32 hex digits, as the grid operator gives it, in a file or an
	// environment variable.
	// Example: {file: meter.key}
	Key string `yaml:"key,omitempty" secret:"true"`
	// The key that proves what the meter says, 32 hex digits, in a file or an environment variable.
	// Without it nothing is proven.
	// Example: {file: meter.auth}
	AuthenticationKey string `yaml:"authentication_key,omitempty" secret:"true"`
}

// Check is everything wrong with s.  It never shows a key.
func (s Secrets) Check() fault.List {
	var l fault.List
	CheckSecret(&l, "key", s.Key)
	CheckSecret(&l, "authentication_key", s.AuthenticationKey)
	if s.Key == "" && s.AuthenticationKey != "" {
		l.Add("key", "name the encryption key too", "it is missing, and an authentication key alone opens nothing")
	}
	return l
}

// CheckSecret adds a fault where a text that is not empty is no key.
func CheckSecret(l *fault.List, path, text string) {
	if CheckKey(text) != nil {
		l.Add(path, "write the 32 hexadecimal digits that the grid operator gives, and nothing else, into the file or the variable", "what it names is no key of AES-128")
	}
}

// Keys reads s, which Check finds nothing wrong with.
func (s Secrets) Keys() (Keys, error) { return ReadKeys(s.Key, s.AuthenticationKey) }
