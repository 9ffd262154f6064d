// Package archtest keeps the house standing: its tests check that no import
// runs back up, that each dependency lives in one place, that domain code takes
// time as a value, and that every package says what it is for.
package archtest
