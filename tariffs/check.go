package tariffs

import "github.com/keeplit/keeplit/internal/fault"

// Check finds all that is wrong with the document.
func (d *Document) Check() fault.List {
	var l fault.List
	return l
}
