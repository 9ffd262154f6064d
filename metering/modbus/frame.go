package modbus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/keeplit/keeplit/metering"
)

// The functions that read registers.
const (
	readHolding byte = 3
	readInput   byte = 4
)

// maxRegisters is the most a single question may ask for.
const maxRegisters = 125

// request is one question: count registers from address on.
type request struct {
	unit     byte
	function byte
	address  uint16
	count    uint16
}

func (q request) op() string {
	table := "input"
	if q.function == readHolding {
		table = "holding"
	}
	return fmt.Sprintf("read %d %s registers at 0x%04X of unit %d", q.count, table, q.address, q.unit)
}

// crc is the check sum of a serial frame (polynomial 0xA001, initial 0xFFFF).
func crc(b []byte) uint16 {
	sum := uint16(0xFFFF)
	for _, v := range b {
		sum ^= uint16(v)
		for range 8 {
			if sum&1 != 0 {
				sum = sum>>1 ^ 0xA001
			} else {
				sum >>= 1
			}
		}
	}
	return sum
}

// pdu is the question without its ciphertext: function, address, count.
func (q request) pdu() []byte {
	b := []byte{q.function, 0, 0, 0, 0}
	binary.BigEndian.PutUint16(b[1:], q.address)
	binary.BigEndian.PutUint16(b[3:], q.count)
	return b
}

func (q request) rtu() []byte {
	b := append([]byte{q.unit}, q.pdu()...)
	return binary.LittleEndian.AppendUint16(b, crc(b))
}

func (q request) tcp(id uint16) []byte {
	p := q.pdu()
	b := binary.BigEndian.AppendUint16(nil, id)
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(p)+1))
	return append(append(b, q.unit), p...)
}

// parseRequest reads a question from a serial frame.
func parseRequest(b []byte) (request, error) {
	if len(b) != 8 {
		return request{}, fmt.Errorf("a question has 8 bytes, this has %d", len(b))
	}
	if err := checkCRC(b); err != nil {
		return request{}, err
	}
	q := request{unit: b[0], function: b[1], address: binary.BigEndian.Uint16(b[2:]), count: binary.BigEndian.Uint16(b[4:])}
	if q.function != readHolding && q.function != readInput {
		return request{}, fmt.Errorf("function 0x%02X does not read registers", q.function)
	}
	if q.count == 0 || q.count > maxRegisters {
		return request{}, fmt.Errorf("it asks for %d registers", q.count)
	}
	return q, nil
}

var errCRC = errors.New("check sum is wrong")

func checkCRC(b []byte) error {
	n := len(b) - 2
	if n < 2 {
		return fmt.Errorf("%d bytes are no frame", len(b))
	}
	if got, want := binary.LittleEndian.Uint16(b[n:]), crc(b[:n]); got != want {
		return fmt.Errorf("%w: 0x%04X, should be 0x%04X", errCRC, got, want)
	}
	return nil
}

// maxFrame is the longest serial frame.
const maxFrame = 256

// find is the first whole answer to q in what came, nil where there is none.
func (q request) find(b []byte) []byte {
	for i := 0; i+5 <= len(b); i++ {
		n, err := q.replyLength(b[i:])
		if err == nil && i+n <= len(b) && checkCRC(b[i:i+n]) == nil {
			return b[i : i+n]
		}
	}
	return nil
}

// puzzle says what is wrong with bytes that hold no answer to q.
func (q request) puzzle(b []byte) error {
	echo, came := q.rtu(), len(b)
	i := bytes.Index(b, echo)
	if i >= 0 {
		b = append(slices.Clone(b[:i]), b[i+len(echo):]...)
	}
	if i >= 0 && len(bytes.Trim(b, "\x00\xff")) == 0 {
		return metering.Fail(metering.Silent, q.op(), "the adapter hears itself, which does no harm; check the meter's address, its speed, and that A and B are not swapped",
			"only the question itself came back")
	}
	var verdict error
	for i := 0; i+3 <= len(b); i++ {
		n, err := q.replyLength(b[i:])
		if err == nil {
			_, verdict = q.parseReply(b[i:min(len(b), i+n)])
			return verdict
		}
		// An answer to another question, of another unit, or of another function.
		if n := 5 + int(b[i+2]); verdict == nil && i+n <= len(b) && (b[i+1] == readHolding || b[i+1] == readInput) && checkCRC(b[i:i+n]) == nil {
			verdict = err
		}
	}
	switch {
	case verdict != nil:
		return verdict
	case len(b) < 5:
		return metering.Fail(metering.Short, q.op(), "check the speed and parity, and that the line is terminated", "only %d bytes came", came)
	}
	return metering.Fail(metering.UnknownReply, q.op(), "check the speed and parity, and that nobody else speaks on the line", "%d bytes came that are no answer, % x ...", came, b[:min(len(b), 8)])
}

// replyLength is how long a serial answer to q is, told from its first three
// bytes.
func (q request) replyLength(head []byte) (int, error) {
	switch {
	case head[0] != q.unit:
		return 0, metering.Fail(metering.UnknownReply, q.op(), "two devices may share an address", "unit %d answered", head[0])
	case head[1] == q.function|0x80:
		return 5, nil
	case head[1] != q.function:
		return 0, metering.Fail(metering.UnknownReply, q.op(), "check the meter's model in the configuration", "it answered function 0x%02X", head[1])
	case int(head[2]) != 2*int(q.count):
		return 0, metering.Fail(metering.UnknownReply, q.op(), "check the meter's model in the configuration", "%d bytes of registers came, not %d", head[2], 2*q.count)
	}
	return 5 + int(head[2]), nil
}

// parseReply reads the registers out of a whole serial answer to q.
func (q request) parseReply(b []byte) ([]uint16, error) {
	if len(b) < 5 {
		return nil, metering.Fail(metering.Short, q.op(), "check the speed and parity", "%d bytes came", len(b))
	}
	if n, err := q.replyLength(b); err == nil && len(b) < n {
		return nil, metering.Fail(metering.Short, q.op(), "check the speed and parity", "%d bytes came, not %d", len(b), n)
	}
	if err := checkCRC(b); err != nil {
		return nil, &metering.Error{Code: metering.Checksum, Op: q.op(), Err: err, Remedy: "check the wiring, the speed and that the line is terminated"}
	}
	n, err := q.replyLength(b)
	if err != nil {
		return nil, err
	}
	if len(b) != n {
		return nil, metering.Fail(metering.Short, q.op(), "check the speed and parity", "%d bytes came, not %d", len(b), n)
	}
	return q.registers(b[1 : n-2])
}

// registers reads the body of an answer: function, then the bytes counted, or
// an exception.
func (q request) registers(pdu []byte) ([]uint16, error) {
	switch {
	case len(pdu) == 2 && pdu[0] == q.function|0x80:
		return nil, &metering.Error{Code: metering.Exception, Op: q.op(), Err: exception(pdu[1]), Remedy: exception(pdu[1]).remedy(q.function)}
	case len(pdu) < 2 || pdu[0] != q.function:
		return nil, metering.Fail(metering.UnknownReply, q.op(), "check the meter's model in the configuration", "it is not an answer to this function")
	case len(pdu) != 2+2*int(q.count) || int(pdu[1]) != 2*int(q.count):
		return nil, metering.Fail(metering.UnknownReply, q.op(), "check the meter's model in the configuration", "%d bytes of registers came, not %d", len(pdu)-2, 2*q.count)
	}
	out := make([]uint16, q.count)
	for i := range out {
		out[i] = binary.BigEndian.Uint16(pdu[2+2*i:])
	}
	return out, nil
}

// exception is the reason by which a device refuses.
type exception byte

func (e exception) Error() string {
	names := map[exception]string{
		1: "illegal function", 2: "illegal register", 3: "illegal value", 4: "device failure",
		5: "acknowledged", 6: "busy", 8: "memory parity error", 10: "gateway path unavailable", 11: "gateway target silent",
	}
	if n, ok := names[e]; ok {
		return fmt.Sprintf("exception %d, %s", byte(e), n)
	}
	return fmt.Sprintf("exception %d", byte(e))
}

// remedy is what to do about it, where a function was refused so.
func (e exception) remedy(function byte) string {
	other := "table: holding (function 3)"
	if function == readHolding {
		other = "table: input (function 4)"
	}
	switch e {
	case 1:
		return "of a generic meter write " + other + ", for it may have its registers there; else check model and unit"
	case 2:
		return "of a generic meter compare register with the maker's list: one that counts from 1 (30001, 40001) has one more than the wire; or its registers are in the other table, " + other + "; else check model and unit"
	case 3:
		return "of a generic meter check type, which tells how many registers are asked for, and " + other + "; else check model and unit"
	case 5, 6:
		return "it has no time: ask more rarely (every), and have nobody else ask it"
	case 10, 11:
		return "check unit, and the line behind the gateway: the meter there does not answer to it"
	}
	return "the device says itself that it is out of order: switch it off and on, and check its model"
}
