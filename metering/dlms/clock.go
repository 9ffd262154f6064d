package dlms

import (
	"encoding/binary"
	"time"
)

// clockLen is the length of a COSEM date-time: year, month, day, day of the week, hour,
// minute, second, hundredths, deviation and status.
const clockLen = 12

// What a COSEM clock says where it does not know.
const (
	noYear      = 0xFFFF
	noDeviation = -0x8000
	// The status, where it is told (not FF): the time is not valid.
	noStatus     = 0xFF
	statusBroken = 0x01
)

// clock reads a date-time.  ok is false where a part of it is not told, where the meter
// calls it invalid, and where its zone is not known: deviation is how many minutes are to
// be added to it to have UTC.
func clock(b []byte) (at time.Time, ok bool) {
	if len(b) != clockLen {
		return time.Time{}, false
	}
	year, month, day := int(binary.BigEndian.Uint16(b)), int(b[2]), int(b[3])
	hour, minute, second := int(b[5]), int(b[6]), int(b[7])
	deviation := int(int16(binary.BigEndian.Uint16(b[9:])))
	switch {
	case year == noYear || year < 2000 || month < 1 || month > 12 || day < 1 || day > 31:
		return time.Time{}, false
	case hour > 23 || minute > 59 || second > 59:
		return time.Time{}, false
	case deviation == noDeviation || deviation < -840 || deviation > 840:
		return time.Time{}, false
	case b[11] != noStatus && b[11]&statusBroken != 0:
		return time.Time{}, false
	}
	local := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if local.Day() != day { // such as 31 April
		return time.Time{}, false
	}
	return local.Add(time.Duration(deviation) * time.Minute), true
}
