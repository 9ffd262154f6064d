// Package gpiochip is what the kernel's interface to GPIO chips (linux/gpio.h, the
// second one, Linux 5.10 and later) needs: its structures, which have the kernel's
// layout on 32 and 64 bits, and its calls.  periph.io turns an output that is read
// into an input, and drops edges without a word; so lines are asked for here.
package gpiochip
