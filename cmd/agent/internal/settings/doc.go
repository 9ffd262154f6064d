// Package settings is what people have set on the page, and the programs that may use the
// API: one small file in the data folder, and no second configuration.
//
// A setting is laid over the key of the configuration that it is about, and remembers what
// stood there.  Where the owner writes something else into the configuration later, that
// holds: so a PIN that was set on the page and is forgotten is replaced as it was first set.
package settings
