// Package doctor checks accounts: it goes the way of a fetch or sync step by step, changes nothing, and says what works, what
// does not, and what to try.
package doctor

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/connect"
	"postie/cmd/postie/internal/credential"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/session"
	"postie/cmd/postie/internal/ui"
)

// Report is what was found about one account. Its JSON form is one object a line.
type Report struct {
	Event    string          `json:"event"` // "check"
	Account  string          `json:"account"`
	Protocol config.Protocol `json:"protocol"`
	Host     string          `json:"host"`
	Port     int             `json:"port"`
	OK       bool            `json:"ok"`
	Exit     int             `json:"exit"`
	Steps    []Step          `json:"steps"`
}

// Step is one thing that was looked at.
type Step struct {
	Step   string    `json:"step"`
	Status string    `json:"status"` // "ok", "note", "warn", "fail"
	Found  string    `json:"found"`  // in words
	Facts  Facts     `json:"facts"`  // the same for programs
	Try    ui.OrNull `json:"try"`
}

// Facts are what was found, by name: numbers, strings, booleans and lists of strings. Sizes are octets, times RFC 3339.
type Facts map[string]any

// know adds the facts of the step that was noted last.
func (c *checking) know(f Facts) { c.report.Steps[len(c.report.Steps)-1].Facts = f }

// Options are what a check stands on.
type Options struct {
	UI      *ui.UI
	Session session.Options
	Path    string // of the configuration
}

// checking is one account being checked.
type checking struct {
	Options
	account  config.Account
	terminal *credential.Terminal
	report   Report
	err      error // of the first step that failed
	need     int64 // bytes that wait on the server
}

// Check checks accounts one after the other and prints what it finds.
func Check(ctx context.Context, o Options, accounts []config.Account) error {
	terminal := credential.NewTerminal("")
	codes := make([]int, len(accounts))
	for i, account := range accounts {
		c := &checking{Options: o, account: account, terminal: terminal, report: Report{
			Event: "check", Account: account.Name, Protocol: account.Protocol, Host: account.Host, Port: account.Port}}
		c.run(ctx)
		codes[i] = c.report.Exit
		if err := context.Cause(ctx); err != nil {
			return err
		}
	}
	if code := exit.Combined(codes); code != exit.OK {
		return exit.Reported(code)
	}
	return nil
}

func (c *checking) run(ctx context.Context) {
	c.UI.Print(c.account.Name + ":")
	c.configuration()
	if c.reachable(ctx) {
		c.server(ctx)
	}
	c.maildir()
	c.space()
	c.clock()
	c.report.OK, c.report.Exit = c.err == nil, exit.Code(c.err)
	c.UI.Event(c.report)
}

// add notes a step and prints it.
func (c *checking) add(step, status, found, try string) {
	found, try = c.UI.Hide(found), c.UI.Hide(try)
	c.report.Steps = append(c.report.Steps, Step{step, status, found, Facts{}, ui.OrNull(try)})
	c.UI.Print(fmt.Sprintf("  %-4s  %-13s %s", status, step, ui.Clean(found)))
	if try != "" {
		c.UI.Print(fmt.Sprintf("  %-4s  %-13s try: %s", "", "", ui.Clean(try)))
	}
}

func (c *checking) ok(step, format string, args ...any) {
	c.add(step, "ok", fmt.Sprintf(format, args...), "")
}

// fail notes a step that failed; the first one decides on the exit code.
func (c *checking) fail(step string, err error, try string) {
	c.err = cmp.Or(c.err, err)
	c.add(step, "fail", strings.TrimPrefix(err.Error(), step+": "), try)
	if c.UI.Quiet() && !c.UI.JSON() { // nothing was printed
		c.UI.Error(ui.Failure{Account: c.account.Name, Host: c.account.Host, Err: fmt.Errorf("%s: %w", step, err), Hint: try, Exit: exit.Code(err)})
	}
}

func (c *checking) configuration() {
	c.ok("configuration", "%s: %s, %s, %s", c.Path, c.account.Protocol, c.account.SecretFrom(), c.account.Maildir)
	c.know(Facts{"path": c.Path, "protocol": c.account.Protocol, "secret": c.account.SecretFrom(), "maildir": c.account.Maildir})
}

// reachable looks up the host and tries each of its addresses.
func (c *checking) reachable(ctx context.Context) bool {
	if len(c.account.Tunnel) > 0 {
		if err := credential.Executable("tunnel", c.account.Tunnel); err != nil {
			c.fail("lookup", err, exit.Hint(err, c.account.Name))
			return false
		}
	}
	if len(c.account.Tunnel) > 0 || c.account.Proxy != (config.Proxy{}) {
		c.ok("lookup", "left to the tunnel or proxy")
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, c.Session.Timeout)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, ascii(c.account.Host))
	if err != nil {
		c.fail("lookup", err, cmp.Or(exit.Hint(err, c.account.Name), "check the network, and the name server in /etc/resolv.conf"))
		return false
	}
	c.ok("lookup", "%s: %s", c.account.Host, strings.Join(addresses, ", "))
	c.know(Facts{"host": c.account.Host, "addresses": addresses})
	return c.addresses(ctx, addresses)
}

// addresses connects to all of them side by side. One that does not answer delays every run a little.
func (c *checking) addresses(ctx context.Context, list []string) bool {
	took, errs := make([]time.Duration, len(list)), make([]error, len(list))
	var wait sync.WaitGroup
	for i, address := range list {
		wait.Go(func() {
			began := time.Now()
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(address, strconv.Itoa(c.account.Port)))
			if err == nil {
				conn.Close()
			}
			took[i], errs[i] = time.Since(began), err
		})
	}
	wait.Wait()
	all := errors.Join(errs...)
	reached := false
	for _, err := range errs {
		reached = reached || err == nil
	}
	for i, address := range list {
		facts := Facts{"address": address, "port": c.account.Port, "answers": errs[i] == nil}
		switch {
		case errs[i] == nil:
			c.ok("address", "%s answers in %s", net.JoinHostPort(address, strconv.Itoa(c.account.Port)), took[i].Round(100*time.Microsecond))
			facts["seconds"] = took[i].Seconds()
		case reached:
			c.add("address", "warn", errs[i].Error(), "others answer, so it works; a broken IPv6 or IPv4 route makes each run slower")
		default:
			c.fail("address", errs[i], exit.Hint(all, c.account.Name))
		}
		c.know(facts)
	}
	return reached
}

// server logs in and looks around.
func (c *checking) server(ctx context.Context) {
	v, err := c.Session.Visit(ctx, c.account, c.terminal)
	defer v.End(ctx)
	if v.Asked {
		c.tls(v)
	} else if v.IMAP != nil && v.IMAP.Preauthenticated() {
		c.ok("tls", "the tunnel logs in")
	}
	switch {
	case err == nil && v.Mechanism != "":
		c.ok("login", "%s as %s (offered: %s)", v.Mechanism, c.account.User, cmp.Or(strings.Join(v.Offered, ", "), "user and password"))
		c.know(Facts{"mechanism": v.Mechanism, "user": c.account.User, "offered": append([]string{}, v.Offered...)})
	case err == nil:
		c.ok("login", "none needed")
	default:
		c.fail(stage(err, v), err, exit.Remedy(err, c.account))
		return
	}
	if v.POP3 != nil {
		c.pop3(ctx, v.POP3)
	} else {
		c.imap(ctx, v.IMAP)
	}
}

// stage is the step that an error of a visit belongs to.
func stage(err error, v *session.Visit) string {
	switch {
	case v.Asked, exit.Is[*credential.SourceError](err), exit.Is[*credential.NoSecretError](err):
		return "login"
	case exit.Is[*connect.CertificateError](err), exit.Is[*connect.HandshakeError](err), exit.RefusedTLS(err):
		return "tls"
	}
	return "greeting"
}

// soon is when a certificate's end is worth a warning: automatic renewals happen a month before it.
const soon = 14 * 24 * time.Hour

func (c *checking) tls(v *session.Visit) {
	if v.State == nil {
		text := "none: whoever is on the way reads everything"
		if c.account.Private() {
			text = "none, and none is needed: nothing leaves this machine or the tunnel"
		}
		c.ok("tls", "%s", text)
		return
	}
	found := tls.VersionName(v.State.Version)
	if len(v.State.PeerCertificates) == 0 {
		c.ok("tls", "%s", found)
		return
	}
	leaf := v.State.PeerCertificates[0]
	left := time.Until(leaf.NotAfter)
	found += fmt.Sprintf(", certificate by %q good for %d more days (until %s)", leaf.Issuer.String(), int(left.Hours()/24), leaf.NotAfter.UTC().Format(time.DateOnly))
	if c.account.TLSFingerprint != "" {
		found += ", pinned"
	}
	facts := Facts{"version": tls.VersionName(v.State.Version), "issuer": leaf.Issuer.String(), "subject": leaf.Subject.String(),
		"not_after": leaf.NotAfter.UTC().Format(time.RFC3339), "days_left": int(left.Hours() / 24), "pinned": c.account.TLSFingerprint != "",
		"fingerprint": fmt.Sprintf("sha256:%x", sha256.Sum256(leaf.Raw))}
	defer func() { c.know(facts) }()
	if left < soon {
		c.add("tls", "warn", found, "the server's owner has to renew it; a pin must be changed with it")
		return
	}
	c.ok("tls", "%s", found)
}
