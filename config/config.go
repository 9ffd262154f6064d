// Package config reads the agent's one configuration file: strict, with every
// fault at once, each with its line, its path and what to do about it.  It
// builds nothing; the types that describe a tariff, a load or a meter belong to
// the packages that use them, which never import this one.
package config
