package foreign

import "strings"

// mpop reads .mpoprc: defaults, and account blocks that may inherit from others (account NAME : OTHER).
func mpop(text string) *Result {
	r := &Result{Program: "mpop"}
	// mpop's defaults: TLS off, and mail is deleted.
	defaults := mpopAccount{Account: Account{Protocol: "pop3", TLS: "none"}, startTLS: true}
	known := map[string]mpopAccount{}
	var order []string
	at := &defaults
	name, n := "", 0
	store := func() {
		if name != "" {
			r.mpopSecret(at) // before another takes after it
			known[name] = *at
		}
	}
	for line := range strings.Lines(text) {
		n++
		w := words(line)
		if len(w) == 0 {
			continue
		}
		value := strings.Join(w[1:], " ")
		switch strings.ToLower(w[0]) {
		case "defaults":
			store()
			name, at = "", &defaults
		case "account":
			store()
			label, parent, inherits := strings.Cut(value, ":")
			label, parent = strings.TrimSpace(label), strings.TrimSpace(parent)
			fresh := defaults
			if other, ok := known[parent]; ok && inherits {
				fresh = other
				fresh.heir = &other.Account
			} else if inherits {
				r.note(n, "account %s takes after %s, which is not known", label, parent)
			}
			name, at = label, &fresh
			at.Name, at.line, at.secret = label, n, false
			if label == "default" && inherits { // only a second name for one that is there
				name, at = "", &mpopAccount{}
				continue
			}
			order = append(order, label)
		default:
			r.mpopKey(at, n, strings.ToLower(w[0]), value)
		}
	}
	store()
	for _, name := range order {
		a := known[name]
		if a.on {
			a.TLS = "implicit"
			if a.startTLS {
				a.TLS = "starttls"
			}
		}
		r.Accounts = append(r.Accounts, a.Account)
	}
	return r
}

type mpopAccount struct {
	Account
	on, startTLS bool
	heir         *Account // whom it takes after
	secret       bool     // it has one of its own
	bare         bool     // the one that it would have was not carried over
	line         int
}

// mpopSecret leaves an account that takes after another one's without that one's secret, where it is for another user or server.
func (r *Result) mpopSecret(a *mpopAccount) {
	switch {
	case a.heir == nil || a.secret:
		a.bare = false
	case a.bare:
		r.note(a.line, "account %s takes after %s, whose password is not carried over: set password_command", a.Name, a.heir.Name)
	case (a.User != a.heir.User || a.Host != a.heir.Host) && (len(a.PasswordCommand) > 0 || a.HasPassword):
		a.PasswordCommand, a.HasPassword, a.bare = nil, false, true
		r.note(a.line, "account %s takes after %s, whose password is that of %s on %s: not carried over; set password_command", a.Name, a.heir.Name, a.heir.User, a.heir.Host)
	}
}

func (r *Result) mpopKey(a *mpopAccount, line int, key, value string) {
	on := value == "" || yes(value)
	switch key {
	case "host":
		a.Host = value
	case "port":
		a.Port = r.number(line, value)
	case "user":
		a.User = value
	case "password":
		a.HasPassword, a.PasswordCommand, a.secret = true, nil, true
		r.note(line, "the password is not carried over")
	case "passwordeval":
		a.PasswordCommand, a.HasPassword, a.secret = shell(value), false, true
	case "auth":
		if value != "on" {
			a.Auth = strings.ToLower(value)
		}
	case "tls":
		a.on = on
	case "tls_starttls":
		a.startTLS = on
	case "tls_trust_file":
		if value != "system" {
			a.TLSCA = value
		}
	case "tls_fingerprint":
		a.Fingerprint = r.pin(line, value)
	case "tls_certcheck":
		if !on {
			r.note(line, "tls_certcheck off: postie always checks; pin a certificate of your own with tls_fingerprint")
		}
	case "keep":
		a.Keep = on
	case "delivery":
		kind, path, _ := strings.Cut(value, " ")
		if !strings.EqualFold(kind, "maildir") {
			r.note(line, "delivery %s: postie stores into a Maildir only; set maildir", kind)
			return
		}
		a.Maildir = path
	case "uidls_file", "timeout", "pipelining", "received_header", "only_new":
	default:
		r.note(line, "%s is not carried over", key)
	}
}
