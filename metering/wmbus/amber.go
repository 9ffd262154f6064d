package wmbus

// The command interface of an AMB8465-M and its kin (Amber, now Würth Elektronik: Metis),
// after their manuals: a start, a command, the length of what follows, that, and the
// exclusive or of all bytes before.  An answer has the command's highest bit set.
const (
	amberStart   = 0xFF
	amberHead    = 3
	amberHeard   = 0x03 // a frame was heard
	amberMode    = 0x04 // set the radio's mode until it has no power
	amberGet     = 0x0A // tell parameters: where from, how many
	amberAnswer  = 0x80
	amberSignals = 0x45 // the parameter RSSI_Enable: a byte of the signal's strength is added
)

// amberHello sets the radio's mode, and asks whether frames have a byte of the signal's
// strength at their end.  Nothing is written to the memory that it keeps.
func amberHello(radio byte) string {
	return amberCommand(amberMode, radio) + amberCommand(amberGet, amberSignals, 1)
}

func amberCommand(command byte, body ...byte) string {
	b := append([]byte{amberStart, command, byte(len(body))}, body...)
	return string(append(b, amberSum(b)))
}

func amberSum(b []byte) (sum byte) {
	for _, c := range b {
		sum ^= c
	}
	return sum
}

// amber takes the words of such a stick apart.
type amber struct {
	// bare: frames end without the signal's strength, as the stick said.  Until it has
	// answered they are taken to have it, as those that people have recorded do.
	bare bool
	// framed: it sends messages, and no frames alone.
	framed bool
}

// next takes the next message; or a frame alone, where the stick is set to be transparent.
// The length of both counts the signal's strength.
func (a *amber) next(data []byte) (frame []byte, used int) {
	for at := range data {
		b := data[at:]
		size, whole := amberMessage(b)
		alone := size == 0 && !a.framed && (len(b) < 2 || int(b[0]) > least && sends(b[1]))
		switch {
		case whole:
			body := b[amberHead : size-1]
			switch {
			case b[1] == amberHeard:
				a.framed = true
				return a.frame(body), at + size
			case b[1] == amberGet|amberAnswer && len(body) == 3 && body[0] == amberSignals && body[1] == 1:
				a.bare = body[2] == 0
			}
			return nil, at + size
		case size > len(b) && !followed(b):
			return nil, at
		case !alone:
			// A byte of something else.
		case len(b) < 2:
			return nil, at
		case len(b) < 1+int(b[0]):
			if !followed(b) {
				return nil, at
			}
		case hidden(b):
			// The rest of a message that began before the stick was listened to.
		default:
			return a.frame(b[1 : 1+int(b[0])]), at + 1 + int(b[0])
		}
	}
	return nil, len(data)
}

// amberMessage is the length of the message that b begins with, and whether it is all there
// and right; 0 where it begins with none.
func amberMessage(b []byte) (size int, whole bool) {
	switch {
	case b[0] != amberStart:
		return 0, false
	case len(b) < amberHead:
		return amberHead + 1, false
	case b[1] != amberHeard && b[1]&amberAnswer == 0:
		return 0, false
	}
	size = amberHead + int(b[2]) + 1
	if len(b) < size {
		return size, false
	}
	if amberSum(b[:size-1]) != b[size-1] {
		return 0, false
	}
	return size, true
}

// followed tells whether a frame that was heard stands whole and right behind the first byte:
// then what begins with that is no message of which more is to come, and the frame does not
// wait for it.
func followed(b []byte) bool {
	for i := 1; i < len(b); i++ {
		if _, whole := amberMessage(b[i:]); whole && b[i+1] == amberHeard && len(b) > i+amberHead && sends(b[i+amberHead]) {
			return true
		}
	}
	return false
}

// hidden tells whether a message begins within what may be a frame alone.
func hidden(b []byte) bool {
	for i := 1; i < 1+int(b[0]); i++ {
		size, whole := amberMessage(b[i:])
		begins := size > 0 && len(b) > i+amberHead && b[i+1] == amberHeard && sends(b[i+amberHead])
		if whole || begins {
			return true
		}
	}
	return false
}

// frame is one without what the stick has added, its length at its beginning.
func (a *amber) frame(body []byte) []byte {
	if !a.bare && len(body) > 0 {
		body = body[:len(body)-1]
	}
	return append([]byte{byte(len(body))}, body...)
}
