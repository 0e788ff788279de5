// Package foreign reads the configuration of other programs that retrieve mail (mbsync, getmail, fetchmail, mpop), for
// people who move. What cannot be carried over is named with its line, never dropped in silence.
package foreign

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// Account is one account as its file describes it. A field at its zero value was not set.
type Account struct {
	Name            string
	Protocol        string // "imap" or "pop3"
	Host            string
	Port            int
	TLS             string // "implicit", "starttls", "none"
	TLSCA           string
	Fingerprint     string // "sha256:…"
	User            string
	PasswordCommand []string // argv
	HasPassword     bool     // the file holds one; it is not read out
	TokenCommand    []string // argv; prints an OAuth2 access token
	Auth            string
	Tunnel          []string
	Maildir         string
	Keep            bool     // POP3: mail stays on the server
	KeepFor         int      // POP3: days
	Mailboxes       []string // IMAP: patterns, "!" leaves out
	Layout          string   // IMAP: "fs", "maildir++"
	Create          string   // IMAP: "both", "local", "remote", "none"
	MarkOnly        bool     // IMAP: a deletion expunges nothing
	Trash           string   // IMAP: where deletions go
	Direction       string   // IMAP: "" both ways, "pull", "push"
	MaxSize         int64    // IMAP: larger bodies stay on the server; octets
}

// Note says that something was not carried over.
type Note struct {
	Line int // from 1; 0: not about a line
	Text string
}

func (n Note) String() string {
	if n.Line == 0 {
		return n.Text
	}
	return fmt.Sprintf("line %d: %s", n.Line, n.Text)
}

// Result is what a file holds.
type Result struct {
	Program  string // "mbsync", "getmail", "fetchmail", "mpop"
	Accounts []Account
	Notes    []Note
	Refused  []Refusal
}

// Refusal says why an account was left alone: postie would not do what the file says, and could double or lose mail.
type Refusal struct {
	Note
	Account string
}

func (r *Result) refuse(line int, account, format string, args ...any) {
	r.Refused = append(r.Refused, Refusal{Note{line, fmt.Sprintf(format, args...)}, account})
}

func (r *Result) note(line int, format string, args ...any) {
	r.Notes = append(r.Notes, Note{line, fmt.Sprintf(format, args...)})
}

// Read reads a file; name and content tell which program's it is. home stands for ~.
func Read(name string, data []byte, home string) (*Result, error) {
	text := string(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
	base := strings.ToLower(filepath.Base(name))
	var r *Result
	switch {
	case strings.Contains(base, "mbsync") || hasLine(text, "imapaccount", "imapstore"):
		r = mbsync(text, home)
	case strings.Contains(base, "getmail") || hasLine(text, "[retriever]"):
		r = getmail(text)
	case strings.Contains(base, "mpop") || hasLine(text, "delivery", "account "):
		r = mpop(text)
	case strings.Contains(base, "fetchmail") || hasLine(text, "poll", "server", "skip"):
		r = fetchmail(text)
	default:
		return nil, fmt.Errorf("%s is no file of mbsync, getmail, fetchmail or mpop", name)
	}
	for i := range r.Accounts {
		a := &r.Accounts[i]
		a.Maildir = strings.TrimSuffix(expand(a.Maildir, home), "/")
	}
	return r, nil
}

// expand puts home for a ~ at the beginning.
func expand(path, home string) string {
	if path == "~" || strings.HasPrefix(path, "~/") {
		return filepath.Join(home, path[1:])
	}
	return path
}

// hasLine says whether a line begins with one of the words, in any case.
func hasLine(text string, words ...string) bool {
	for line := range strings.Lines(strings.ToLower(text)) {
		for _, w := range words {
			if strings.HasPrefix(strings.TrimSpace(line), w) {
				return true
			}
		}
	}
	return false
}

// words splits a line at blanks; "…" and '…' hold together, \ takes the next character as it is within "…", and # begins
// a comment.
func words(line string) (list []string) {
	var b strings.Builder
	quote, inside, escaped := rune(0), false, false
	end := func() {
		if inside {
			list = append(list, b.String())
		}
		b.Reset()
		inside = false
	}
	for _, r := range line {
		switch {
		case escaped:
			b.WriteRune(r)
			escaped = false
		case quote != 0 && r == quote:
			quote = 0
		case quote != '\'' && quote != 0 && r == '\\':
			escaped = true
		case quote != 0:
			b.WriteRune(r)
		case r == '"' || r == '\'':
			quote, inside = r, true
		case r == '#':
			end()
			return list
		case r == ' ' || r == '\t' || r == '\r' || r == '\n':
			end()
		default:
			inside = true
			b.WriteRune(r)
		}
	}
	end()
	return list
}

// shell is a command line as argv, by way of sh.
func shell(command string) []string { return []string{"sh", "-c", command} }

// onlyFetched notes what becomes of an IMAP account of a program that only fetches.
func (r *Result) onlyFetched(a *Account) {
	if a.Protocol != "imap" {
		return
	}
	a.MarkOnly = true
	r.note(0, "%s: %s only fetches; postie sync keeps both sides equal. expunge = false: what is deleted here is only marked on the server, and nothing is deleted there for having been fetched", a.Host, r.Program)
}

func yes(text string) bool {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "yes", "true", "on", "1":
		return true
	}
	return false
}

// number reads a port or the like, and notes what is none.
func (r *Result) number(line int, text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 65535 {
		r.note(line, "%q is no number", text)
		return 0
	}
	return n
}

// pin reads a SHA-256 fingerprint with or without colons; other hashes cannot be carried over.
func (r *Result) pin(line int, text string) string {
	hex := strings.ToLower(strings.ReplaceAll(text, ":", ""))
	if len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		r.note(line, "the fingerprint is not SHA-256: set tls_fingerprint, which `postie check` shows")
		return ""
	}
	return "sha256:" + hex
}
