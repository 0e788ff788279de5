// Package hook runs commands of the user after a run of an account, and tells them what came of it.
//
// Which commands are due, and what they are told, is decided by pure functions from a Run; Runner.Do runs them. A hook never decides about
// mail: it runs when the mail is safe, and whatever becomes of it, the mail stays so.
package hook

import (
	"cmp"
	"fmt"
	"strings"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/ui"
)

// Run is what came of a run of an account, or of several that were gathered.
type Run struct {
	Account config.Account
	Summary ui.Summary
	Error   string    // what failed, without secrets; "": nothing did
	Hint    string    // what to do about it
	Told    bool      // the failure is one that the user is told of: watch tells of each once
	New     []Message // the first of those that came, no more than MostMessages
	Exec    string    // the command of --exec, for sh; "": there is none
}

// Message is one that came.
type Message struct{ Mailbox, ID, From, Subject string }

// MostMessages is of how many new messages --exec is told one by one; of more it is told how many there are.
const MostMessages = 5

// Then is a run and the one that followed it, as one.
func (r Run) Then(next Run) Run {
	next.Summary = r.Summary.Then(next.Summary)
	next.New = append(r.New, next.New...)
	if r.Told && !next.Told { // it is well again, and the failure was told nevertheless
		next.Error, next.Hint, next.Told = r.Error, r.Hint, true
		next.Summary.OK, next.Summary.Error, next.Summary.Exit = false, r.Summary.Error, r.Summary.Exit
	}
	next.New = next.New[:min(len(next.New), MostMessages)]
	return next
}

// Command is a hook that is due.
type Command struct {
	Name string   // as errors call it: "hook new_mail", "--exec"
	Argv []string // of the command
	Vars []string // NAME=VALUE: what the hook is told beside the environment
}

// Due are the commands that follow a run, in their order: new_mail, changed, error, --exec, done.
func (r Run) Due() (due []Command) {
	s, h := r.Summary, r.Account.Hooks
	changed := s.New+s.Uploaded+s.FlagsPulled+s.FlagsPushed+s.Moved+s.DeletedLocal+s.DeletedRemote > 0
	for _, one := range []struct {
		event string
		argv  []string
		due   bool
	}{{"new_mail", h.NewMail, s.New > 0}, {"changed", h.Changed, changed}, {"error", h.Error, r.Told}, {"", nil, false}, {"done", h.Done, true}} {
		if one.event == "" {
			due = append(due, r.exec()...)
		} else if one.due && len(one.argv) > 0 {
			due = append(due, Command{"hook " + one.event, one.argv, r.vars(one.event)})
		}
	}
	return due
}

// exec are the calls of --exec: one for each message, or for all if there are many, and one for a failure.
func (r Run) exec() (due []Command) {
	if r.Exec == "" {
		return nil
	}
	call := func(event, title, text string, more ...string) {
		vars := append(r.vars(event), variable("TITLE", ui.Clean(title)), variable("TEXT", ui.Clean(text)))
		due = append(due, Command{"--exec", []string{"sh", "-c", r.Exec}, append(vars, more...)})
	}
	name := r.Account.Name
	if r.Summary.New > len(r.New) {
		call("messages", name, fmt.Sprintf("%s in %s", ui.Count(r.Summary.New, "new message"), strings.Join(r.Summary.Changed, ", ")))
	} else {
		for _, m := range r.New {
			call("message", cmp.Or(m.From, "somebody")+" ("+name+")", cmp.Or(m.Subject, "(no subject)"),
				variable("MAILBOX", m.Mailbox), variable("ID", m.ID), variable("FROM", m.From), variable("SUBJECT", m.Subject))
		}
	}
	if r.Told {
		first, _, _ := strings.Cut(r.Error, "\n")
		call("error", name+": trouble", first)
	}
	return due
}

// vars are what every hook is told.
func (r Run) vars(event string) []string {
	s, a := r.Summary, r.Account
	return []string{
		variable("EVENT", event), variable("ACCOUNT", a.Name), variable("PROTOCOL", string(a.Protocol)), variable("HOST", a.Host), variable("MAILDIR", a.Maildir),
		number("NEW", s.New), number("UPLOADED", s.Uploaded), number("FLAGS_PULLED", s.FlagsPulled), number("FLAGS_PUSHED", s.FlagsPushed),
		number("MOVED", s.Moved), number("DELETED_LOCAL", s.DeletedLocal), number("DELETED_REMOTE", s.DeletedRemote), number("SKIPPED", s.Skipped),
		number("FAILED", s.Failed), number("BYTES", s.Bytes), number("EXIT", s.Exit),
		variable("MAILBOXES", strings.Join(s.Changed, "\n")), variable("ERROR", r.Error), variable("HINT", r.Hint),
	}
}

func number[T int | int64](name string, n T) string { return fmt.Sprintf("POSTIE_%s=%d", name, n) }

// longest is how long a variable may be: Linux takes no longer one than 128 KiB.
const longest = 64 << 10

// variable is one of the environment, which holds no NUL.
func variable(name, value string) string {
	value = strings.ReplaceAll(value, "\x00", "")
	if len(value) > longest { // whole lines: the rest is in the summary
		value = value[:max(0, strings.LastIndexByte(value[:longest], '\n'))]
	}
	return "POSTIE_" + name + "=" + value
}
