// Command agent keeps a home or a business lit on the prepaid electricity it
// has.  "agent demo" shows the whole of it without hardware; "agent run" is the
// service beside the meter.
package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // a static binary on a bare box has no zone files

	"github.com/alecthomas/kong"
)

// cli is the command tree.
type cli struct {
	ShowVersion kong.VersionFlag `name:"version" help:"Print the version."`

	Demo       demoCmd       `cmd:"" help:"Show everything on a simulated house."`
	Run        runCmd        `cmd:"" help:"Run the agent."`
	Init       initCmd       `cmd:"" help:"Write a commented configuration."`
	Check      checkCmd      `cmd:"" help:"Check a configuration file."`
	Doctor     doctorCmd     `cmd:"" help:"Look at files, disk, clock, service and records, and say what to put right."`
	Schema     schemaCmd     `cmd:"" help:"Print the JSON Schema of the configuration, or the OpenAPI document of the API."`
	Status     statusCmd     `cmd:"" help:"Say how the running agent is."`
	OptOut     optOutCmd     `cmd:"" help:"Opt out of a utility's events, or of the home's own plan."`
	LastUntil  lastUntilCmd  `cmd:"" help:"Ask that the credit lasts until a time, and say what that takes."`
	Expect     expectCmd     `cmd:"" help:"Tell that nobody is there, that guests are or that something is used on top; list it, take it back."`
	Meter      meterCmd      `cmd:"" help:"Show what the meter here tells; keep what the utility's meter shows, and hold it against that."`
	Alert      alertCmd      `cmd:"" help:"Send a trial message to everybody who is to be told what is wrong."`
	Topup      topupCmd      `cmd:"" help:"Enter a token at the running agent."`
	Program    programCmd    `cmd:"" help:"Let programs use the API by a token of their own; take it back."`
	Influx     influxCmd     `cmd:"" help:"Make a place for the points at an InfluxDB server."`
	Pin        pinCmd        `cmd:"" help:"Make the hash of a PIN for the configuration."`
	Forecast   forecastCmd   `cmd:"" help:"Forecast a load from its history, and the hour credit runs out."`
	Token      tokenCmd      `cmd:"" help:"Read or make prepayment tokens."`
	Voucher    voucherCmd    `cmd:"" help:"Make, print, check and take back vouchers that an operator signs."`
	Plan       planCmd       `cmd:"" help:"Plan the loads of an instance file."`
	Tariff     tariffCmd     `cmd:"" help:"Check, show and compare tariffs; say what a load costs."`
	Ledger     ledgerCmd     `cmd:"" help:"Check the ledger or print a statement."`
	Backup     backupCmd     `cmd:"" help:"Write the account and its configuration to one file, while the agent runs."`
	Restore    restoreCmd    `cmd:"" help:"Bring the account back from a backup, on this box or another. The agent must be stopped."`
	Replace    replaceCmd    `cmd:"" help:"Hand the account over to another box and retire this one. The agent must be stopped."`
	Receipt    receiptCmd    `cmd:"" help:"Check receipts and statements that a meter box has signed, away from it."`
	Decode     decodeCmd     `cmd:"" help:"Show what is read out of a meter's recorded output."`
	Limits     limitsCmd     `cmd:"" help:"Print the limits that held, whose they were and what was measured, as CSV."`
	Profile    profileCmd    `cmd:"" help:"Print the stored intervals of the meter or of a load as CSV."`
	Waveform   waveformCmd   `cmd:"" help:"Measure recorded samples of a voltage and a current."`
	Quality    qualityCmd    `cmd:"" help:"Say what the voltage was, this week and the last, held against EN 50160."`
	Calibrate  calibrateCmd  `cmd:"" help:"Find a converter's constants from a reference reading."`
	Probe      probeCmd      `cmd:"" help:"List the hardware and the meters that could be connected."`
	Policy     policyCmd     `cmd:"" help:"A utility's side: sign prices, tokens, messages and limits, send them, hear what sites say."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
	Simulate   simulateCmd   `cmd:"" help:"Live through a world, with and without the agent, and count money and service."`
	FleetSim   fleetSimCmd   `cmd:"" help:"Try a broker with many agents: what each applies, how soon, and how they come back."`
	Completion completionCmd `cmd:"" help:"Print what bash, zsh or fish reads to complete these commands."`
	Complete   completeCmd   `cmd:"" hidden:"" help:"Say what the last of some words may become, for the shells."`
	Planner    plannerCmd    `cmd:"" hidden:"" help:"Make plans for a running agent."`
}

// env is what a command may touch of the process around it.
type env struct {
	Ctx    context.Context // ends on SIGINT and SIGTERM
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Getenv func(string) string
	Name   string // by which this program was called, where it may call itself; "": it may not
}

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // the command could not do its work; standard error says why and what to do
	exitUsage   = 2 // the command line is wrong
	exitInvalid = 3 // what was examined (file, token, telegram) is not valid
	exitRetired = 4 // another box has gone on from these records
)

// exitError is an error with an exit code of its own.
type exitError struct {
	Code int
	Err  error // nil where everything has been said already
}

func (e *exitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

func (e *exitError) Unwrap() error { return e.Err }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(os.Args[1:], &env{Ctx: ctx, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Name: os.Args[0]})
	stop()
	os.Exit(code)
}

// run parses and runs one command line and answers with the exit code.
func run(args []string, e *env) int {
	var tree cli
	exited := -1
	parser, err := kong.New(&tree,
		kong.Name("agent"),
		kong.Description("keeplit: keeps a home or business lit on the prepaid electricity it has."),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Vars(decodeWords()),
		kong.Vars{"version": versionText()},
		kong.Writers(e.Stdout, e.Stderr),
		kong.Exit(func(code int) { exited = code }),
	)
	if err != nil {
		fmt.Fprintln(e.Stderr, "agent:", err)
		return exitFailure
	}
	command, err := parser.Parse(joinNegative(args))
	if exited >= 0 { // --help has been answered
		return exited
	}
	if err != nil {
		fmt.Fprintln(e.Stderr, "agent:", err)
		fmt.Fprintln(e.Stderr, `Run "agent --help" for the commands.`)
		return exitUsage
	}
	if err := command.Run(e); err != nil {
		var coded *exitError
		if errors.As(err, &coded) {
			if coded.Err != nil {
				fmt.Fprintln(e.Stderr, "agent:", coded.Err)
			}
			return coded.Code
		}
		fmt.Fprintln(e.Stderr, "agent:", err)
		return exitFailure
	}
	return exitOK
}

// joinNegative makes "--skew -20us" one argument, and "--root KEY" with a key that
// begins with a hyphen, which would else be taken for a flag of that name.
func joinNegative(args []string) []string {
	var out []string
	for _, a := range args {
		n := len(out)
		if n > 0 && len(a) > 1 && a[0] == '-' && (a[1] >= '0' && a[1] <= '9' || a[1] == '.' || isKey(a)) &&
			strings.HasPrefix(out[n-1], "--") && !strings.Contains(out[n-1], "=") {
			out[n-1] += "=" + a
			continue
		}
		out = append(out, a)
	}
	return out
}

// isKey tells whether a is a public key as base64url writes it: one in 64 begins with a
// hyphen.
func isKey(a string) bool {
	b, err := base64.RawURLEncoding.DecodeString(a)
	return err == nil && len(b) == ed25519.PublicKeySize
}
