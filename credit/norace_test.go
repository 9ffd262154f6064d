//go:build !race

package credit_test

const raced = false
