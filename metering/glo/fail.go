package glo

import (
	"errors"

	"github.com/keeplit/keeplit/metering"
)

// Fail puts what Parse or Open found into the meter's terms.
func Fail(op string, err error) error {
	code, remedy := metering.UnknownReply, "send the telegram to the project, without the key"
	switch {
	case errors.Is(err, ErrNoKey):
		remedy = "ask the grid operator for the meter's encryption key, and write key: {file: PATH}, or agent decode --key FILE"
	case errors.Is(err, ErrTag):
		code, remedy = metering.Checksum, "check both keys; if only a few telegrams are wrong, the cable"
	case errors.Is(err, ErrPlain):
		remedy = "write authentication_key too, which alone can prove it"
	case errors.Is(err, ErrBare):
		remedy = "leave authentication_key out for a meter that only encrypts; what it says is then not proven"
	case errors.Is(err, ErrShort):
		code, remedy = metering.Short, "check the cable; a few lost telegrams are harmless"
	}
	return &metering.Error{Code: code, Op: op, Err: err, Remedy: remedy}
}

// Nonsense is a ciphertext that could be opened, of which what came out is nothing: no tag
// was checked that would have told.
func Nonsense(op string, err error) error {
	return &metering.Error{Code: metering.UnknownReply, Op: op, Err: err, Remedy: "check the encryption key: with another one nothing comes out that makes sense"}
}

// Clear is a telegram that is not encrypted, where a key says that it is to be.
func Clear(op string) error {
	return metering.Fail(metering.UnknownReply, op, "take the key out of the configuration if the meter does not encrypt", "it came in clear, and a key is configured: it may be anybody's")
}

// Replayed is a telegram that Counters refused, or the note that the counter began anew.
func Replayed(op string, err error) error {
	return &metering.Error{Code: metering.UnknownReply, Op: op, Err: err, Remedy: "look who writes on the line; a meter whose counter began anew is believed after an hour, or when the agent is started again"}
}
