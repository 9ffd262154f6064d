package service

import (
	"time"

	"github.com/keeplit/keeplit/metering"
)

// failures says which failed readings the log shall have in full: a warning says
// only of what kind they are, and which path, register or certificate it was is
// for whoever mends it.  Of each code it is the first, and then one in a while.
type failures map[metering.Code]time.Time // when one of the code was logged last

// failuresEvery is between two of the same code.
const failuresEvery = 10 * time.Minute

func (f failures) tells(now time.Time, err error) bool {
	code := metering.CodeOf(err)
	if last, told := f[code]; err == nil || told && now.Sub(last) < failuresEvery && !now.Before(last) {
		return false
	}
	f[code] = now
	return true
}
