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
	const remedy = "write the 32 hexadecimal digits that the grid operator gives, and nothing else, into the file or the variable"
	if CheckKey(s.Key) != nil {
		l.Add("key", remedy, "what it names is no key of AES-128")
	}
	if CheckKey(s.AuthenticationKey) != nil {
		l.Add("authentication_key", remedy, "what it names is no key of AES-128")
	}
	if s.Key == "" && s.AuthenticationKey != "" {
		l.Add("key", "name the encryption key too", "it is missing, and an authentication key alone opens nothing")
	}
	return l
}

// Keys reads s, which Check finds nothing wrong with.
func (s Secrets) Keys() (Keys, error) { return ReadKeys(s.Key, s.AuthenticationKey) }
