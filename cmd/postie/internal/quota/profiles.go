package quota

import (
	"slices"
	"strings"
	"time"
)

// Profile is what a provider is known to permit, and where that is documented. What it does not say is 0: then nothing is known.
type Profile struct {
	Name        string
	Hosts       string // that the row is for, separated by spaces; a leading dot: all below it
	Connections int    // at once, of one user
	IMAPPerDay  int64  // octets that one user may receive in 24 hours; what is sent counts here too, so that it is never more
	POP3PerDay  int64
	Logins      int // so many within Within, of one user
	Within      time.Duration
	Source      string // a public page
}

// Profiles are the providers that are known to cut off who asks for more. Numbers are the provider's own.
func Profiles() []Profile {
	return []Profile{
		{Name: "Gmail", Hosts: "imap.gmail.com imap.googlemail.com", Connections: 15, IMAPPerDay: 2500e6, Source: "https://support.google.com/a/answer/1071518"},
		{Name: "Gmail (POP)", Hosts: "pop.gmail.com pop.googlemail.com", POP3PerDay: 1250e6, Source: "https://support.google.com/a/answer/1071518"},
		{Name: "Exchange", Hosts: "outlook.office365.com outlook.office.com imap-mail.outlook.com pop-mail.outlook.com", Connections: 16,
			Source: "https://learn.microsoft.com/en-us/powershell/module/exchange/set-imapsettings (MaxConnectionsPerUser)"},
		{Name: "hosting.xyz", Hosts: ".hosting.xyz", Logins: 20, Within: time.Minute, Source: "https://hosting.xyz/wiki/hosting/mail/limits/connect/"},
	}
}

// Of is the profile of a host; zero: nothing is known of it.
func Of(host string) Profile {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, p := range Profiles() {
		if slices.ContainsFunc(strings.Fields(p.Hosts), func(h string) bool { return h == host || h[0] == '.' && strings.HasSuffix(host, h) }) {
			return p
		}
	}
	return Profile{}
}

// PerDay is what an account may receive in 24 hours, by the provider's own word less a tenth, since other devices of the user count too;
// 0: nothing is known.
func (p Profile) PerDay(protocol string) int64 {
	if protocol == "pop3" {
		return p.POP3PerDay / 10 * 9
	}
	return p.IMAPPerDay / 10 * 9
}
