package modbus

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/keeplit/keeplit/metering"
)

const dialogOp = "read a recorded Modbus dialogue"

// DecodeDialog reads a recorded dialogue with an Eastron SDM or a PZEM-004T:
// lines of hexadecimal, each question followed by its answer, with the ciphertext
// of a serial line or of TCP.  Lines that are no hexadecimal are passed over.
// A register that comes a second time, or another unit, begins a new telegram.
func DecodeDialog(pzem004t bool, data []byte) (telegrams []metering.Telegram, errs []error) {
	d := dialog{model: sdm630()}
	if pzem004t {
		d.model = pzem()
	}
	var asked *request
	for number, text := range strings.Split(string(data), "\n") {
		frame := hexLine(text)
		if len(frame) == 0 {
			continue
		}
		at := fmt.Sprintf("%s, line %d", dialogOp, number+1)
		rtu, err := unwrap(at, frame)
		if err != nil {
			errs = append(errs, err)
			asked = nil
			continue
		}
		if len(rtu) == 8 { // an answer never has eight bytes
			q, err := parseRequest(rtu)
			if err != nil {
				errs = append(errs, &metering.Error{Code: requestCode(err), Op: at, Err: err, Remedy: "record whole frames, one a line"})
				asked = nil
				continue
			}
			if asked != nil {
				errs = append(errs, metering.Fail(metering.Silent, at, "the device did not answer", "a question follows a question"))
			}
			asked = &q
			continue
		}
		if asked == nil {
			errs = append(errs, metering.Fail(metering.UnknownReply, at, "record the question before each answer", "there was no question"))
			continue
		}
		q := *asked
		asked = nil
		words, err := q.parseReply(rtu)
		if err == nil {
			err = d.take(q, words)
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	if asked != nil {
		errs = append(errs, metering.Fail(metering.Short, dialogOp, "record the answer too", "it ends after a question"))
	}
	if err := d.finish(); err != nil {
		errs = append(errs, err)
	}
	return d.done, errs
}

func requestCode(err error) metering.Code {
	if strings.Contains(err.Error(), errCRC.Error()) {
		return metering.Checksum
	}
	return metering.UnknownReply
}

// hexLine takes the hexadecimal out of a line, with blanks, colons, dashes,
// commas and 0x between the bytes, and a label such as "TX:" or ">" before.
func hexLine(s string) []byte {
	s = strings.TrimSpace(s)
	for _, label := range []string{"request:", "response:", "tx:", "rx:", "tx", "rx", ">>", "<<", "->", "<-", ">", "<"} {
		if len(s) >= len(label) && strings.EqualFold(s[:len(label)], label) {
			s = strings.TrimSpace(s[len(label):])
			break
		}
	}
	if i := strings.IndexAny(s, "#;"); i >= 0 {
		s = s[:i]
	}
	s = strings.ReplaceAll(strings.ReplaceAll(s, "0x", ""), "0X", "")
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r:-,", r) {
			return -1
		}
		return r
	}, s)
	if len(s) > 1024 {
		return nil
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}

// unwrap makes a serial frame of one that came by TCP.
func unwrap(at string, b []byte) ([]byte, error) {
	if len(b) >= 5 && checkCRC(b) == nil {
		return b, nil
	}
	if len(b) < 9 || b[2] != 0 || b[3] != 0 {
		if len(b) < 5 {
			return nil, metering.Fail(metering.Short, at, "record whole frames, one a line", "%d bytes are no frame", len(b))
		}
		return b, nil
	}
	size := int(binary.BigEndian.Uint16(b[4:]))
	if size != len(b)-6 {
		return b, nil
	}
	rtu := append([]byte(nil), b[6:]...)
	return binary.LittleEndian.AppendUint16(rtu, crc(rtu)), nil
}

// dialog gathers telegrams from answers.
type dialog struct {
	model Model
	done  []metering.Telegram
	open  words
	raw   []metering.RawValue
	seen  map[int]bool
	unit  byte
	any   bool
}

func (d *dialog) take(q request, got []uint16) error {
	holding := q.function == readHolding
	var found []register
	again := d.any && q.unit != d.unit
	for _, r := range d.model.registers {
		if r.holding == holding && r.address >= int(q.address) && r.end() <= int(q.address)+len(got) {
			found = append(found, r)
			again = again || d.seen[r.address]
		}
	}
	if again {
		if err := d.finish(); err != nil {
			return err
		}
	}
	if d.seen == nil {
		d.seen, d.open = map[int]bool{}, words{}
	}
	d.unit = q.unit
	d.open.put(holding, int(q.address), got)
	for _, r := range found {
		r, n, why := d.open.number(r)
		if why != given {
			if r.needed() {
				return nothing(q.op(), r, d.open)
			}
			continue
		}
		d.any, d.seen[r.address] = true, true
		d.raw = append(d.raw, metering.RawValue{Name: r.name, Value: r.text(n), Unit: r.unit})
	}
	return nil
}

// finish closes the telegram being gathered.
func (d *dialog) finish() error {
	if !d.any {
		return nil
	}
	s, _ := d.model.gather(d.open)
	// A single-phase meter tells nothing, or zero volts, for phases 2 and 3.
	phases := s.Phases
	for n := len(phases); n > 0; n-- {
		if p := phases[n-1]; n == 1 && p.Has != 0 || p.Voltage != 0 || p.Current != 0 || p.Power != 0 {
			break
		}
		phases = phases[:n-1]
	}
	s.Phases = phases
	s = s.Complete()
	err := s.Sane(dialogOp)
	if err == nil {
		d.done = append(d.done, metering.Telegram{Meter: strconv.Itoa(int(d.unit)), Sample: s, Raw: d.raw})
	}
	d.open, d.raw, d.seen, d.any = nil, nil, nil, false
	return err
}

// text writes a number as the meter means it.
func (r register) text(n number) string {
	if n.isFloat {
		return strconv.FormatFloat(n.float, 'f', -1, 32)
	}
	if r.scale == one {
		return strconv.FormatInt(n.integer, 10)
	}
	places := 0
	for s := r.scale; s < one; s *= 10 {
		places++
	}
	return strconv.FormatFloat(float64(n.integer)*float64(r.scale)/one, 'f', places, 64)
}
