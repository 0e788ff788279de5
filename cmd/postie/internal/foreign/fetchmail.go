package foreign

import (
	"slices"
	"strconv"
	"strings"
)

// token is a word of .fetchmailrc and its line.
type token struct {
	text string
	line int
}

// fetchmail reads .fetchmailrc: poll entries of server options and user descriptions. Words that mean nothing there
// (and, with, has, wants, options, here, ':', ',', ';') mean nothing here.
func fetchmail(text string) *Result {
	r := &Result{Program: "fetchmail"}
	tokens, n := []token{}, 0
	for line := range strings.Lines(text) {
		n++
		for _, w := range words(separated(line)) {
			if !slices.Contains([]string{"and", "with", "has", "wants", "options", "here", "there", ":", ";"}, strings.ToLower(w)) {
				tokens = append(tokens, token{w, n})
			}
		}
	}
	p := &fetchmailrc{Result: r, tokens: tokens}
	for p.more() {
		p.statement()
	}
	p.finish()
	return r
}

// separated sets off punctuation outside of quotes.
func separated(line string) string {
	var b strings.Builder
	quote, escaped := rune(0), false
	for _, r := range line {
		switch {
		case escaped:
			escaped = false
		case quote != 0 && r == '\\':
			escaped = true
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote = r
		case quote == 0 && strings.ContainsRune(",;:", r):
			b.WriteString(" " + string(r) + " ")
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

type fetchmailrc struct {
	*Result
	tokens   []token
	defaults Account
	server   Account // what stands before the first user
	current  *Account
	inUser   bool
}

func (p *fetchmailrc) more() bool { return len(p.tokens) > 0 }

func (p *fetchmailrc) next() token {
	if !p.more() {
		return token{}
	}
	t := p.tokens[0]
	p.tokens = p.tokens[1:]
	return t
}

// finish closes the entry that is being read.
func (p *fetchmailrc) finish() {
	if p.current == nil {
		return
	}
	if p.current.Host != "" {
		p.current.Name, _, _ = strings.Cut(strings.TrimPrefix(p.current.Host, "pop."), ".")
		p.current.Tunnel = p.plugin(*p.current)
		p.onlyFetched(p.current)
		p.Accounts = append(p.Accounts, *p.current)
	}
	p.current = nil
}

func (p *fetchmailrc) statement() {
	t := p.next()
	word := strings.ToLower(t.text)
	switch word {
	case "defaults":
		p.finish()
		p.current, p.inUser = &p.defaults, false
		p.defaults = Account{Protocol: "pop3"}
		return
	case "poll", "skip", "server":
		if p.current == &p.defaults {
			p.current = nil
		}
		p.finish()
		a := p.defaults
		a.Host, a.TLS = p.next().text, "starttls" // fetchmail takes STLS where it is offered; here it is demanded
		if a.Protocol == "" {
			a.Protocol = "pop3"
		}
		p.server, p.inUser, p.current = a, false, &a
		if word == "skip" {
			p.note(t.line, "%s is polled only when it is named there; here it is like the others", a.Host)
		}
		return
	case "set":
		key := p.next()
		p.note(t.line, "set %s is not carried over; postie service makes a timer", key.text)
		for p.more() && p.tokens[0].line == t.line {
			p.next()
		}
		return
	}
	if p.current == nil {
		p.note(t.line, "%s stands outside of any poll", t.text)
		return
	}
	p.option(t, word)
}

func (p *fetchmailrc) option(t token, word string) {
	a := p.current
	switch word {
	case ",":
	case "is":
		p.next() // whose mail it is here
	case "via":
		a.Host = p.next().text
	case "proto", "protocol":
		a.Protocol = p.protocol(p.next())
	case "port", "service":
		a.Port = p.number(t.line, p.next().text)
	case "user", "username":
		if p.inUser { // a second user of the same server
			p.finish()
			again := p.server
			p.current, a = &again, &again
		} else {
			p.server = *a
		}
		a.User, p.inUser = p.next().text, true
	case "pass", "password":
		p.next()
		a.HasPassword = true
		p.note(t.line, "the password is not carried over")
	case "ssl":
		a.TLS = "implicit"
	case "sslcertck", "uidl", "nokeep", "no", "fetchall", "norewrite", "nodns":
		if word == "nokeep" {
			a.Keep = false
		}
		if word == "no" && p.more() && strings.EqualFold(p.tokens[0].text, "keep") {
			p.next()
			a.Keep = false
		}
	case "keep":
		a.Keep = true
	case "sslcertfile":
		a.TLSCA = p.next().text
	case "sslfingerprint":
		a.Fingerprint = p.pin(t.line, p.next().text)
	case "sslproto":
		p.next()
	case "folder":
		a.Mailboxes = append(a.Mailboxes, p.next().text)
		for p.more() && p.tokens[0].text == "," {
			p.next()
			a.Mailboxes = append(a.Mailboxes, p.next().text)
		}
	case "plugin":
		a.Tunnel = shell(p.next().text)
	case "auth", "authenticate":
		p.auth(a, p.next())
	case "mda", "smtphost", "smtpaddress", "to", "bsmtp", "preconnect", "postconnect", "limit", "interval", "timeout", "fetchlimit", "batchlimit", "warnings", "localdomains", "aka", "envelope", "qvirtual", "smtpname", "expunge":
		value := p.next().text
		p.note(t.line, "%s %s is not carried over%s", word, value, map[string]string{"mda": "; set maildir, and filter from a hook"}[word])
	default:
		p.note(t.line, "%s is not carried over", t.text)
	}
}

// plugin is a tunnel with the host and port that fetchmail puts for %h and %p.
func (p *fetchmailrc) plugin(a Account) []string {
	port := a.Port
	if port == 0 {
		port = map[bool]map[bool]int{true: {true: 993, false: 143}, false: {true: 995, false: 110}}[a.Protocol == "imap"][a.TLS == "implicit"]
	}
	var argv []string
	for _, word := range a.Tunnel {
		argv = append(argv, strings.NewReplacer("%h", a.Host, "%p", strconv.Itoa(port), "%%", "%").Replace(word))
	}
	return argv
}

// protocol reads the name of one; any that postie does not speak is taken for POP3, and said.
func (p *fetchmailrc) protocol(t token) string {
	kind := strings.ToLower(t.text)
	if kind == "imap" {
		return "imap"
	}
	if kind != "pop3" {
		p.note(t.line, "protocol %s: postie speaks POP3 and IMAP", kind)
	}
	return "pop3"
}

func (p *fetchmailrc) auth(a *Account, kind token) {
	switch text := strings.ToLower(kind.text); text {
	case "any", "password":
	case "oauthbearer", "external", "cram-md5":
		a.Auth = text
	default:
		p.note(kind.line, "auth %s is not carried over", kind.text)
	}
}
