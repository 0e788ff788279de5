package changes

import (
	"slices"
	"strings"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/plan"
	"postie/maildir"
)

// system are the flags that have letters of their own in a Maildir, in the order of maildir.FlagSet's bits.
func system() [6]goimap.Flag {
	return [6]goimap.Flag{goimap.FlagDraft, goimap.FlagFlagged, goimap.FlagForwarded, goimap.FlagAnswered, goimap.FlagSeen, goimap.FlagDeleted}
}

// AllFlags are the flags of both sides.
const AllFlags = maildir.FlagDraft | maildir.FlagFlagged | maildir.FlagPassed | maildir.FlagReplied | maildir.FlagSeen | maildir.FlagTrashed

// FlagsOf reads the server's flags. Other system flags than the six, which a server should not have, are left alone.
func FlagsOf(flags []goimap.Flag) maildir.Flags {
	var f maildir.Flags
	var words []string
	known := system()
next:
	for _, flag := range flags {
		for bit, name := range known {
			if strings.EqualFold(string(flag), string(name)) {
				f.Set |= 1 << bit
				continue next
			}
		}
		if !strings.HasPrefix(string(flag), `\`) {
			words = append(words, string(flag))
		}
	}
	f.Keywords = maildir.NewKeywords(words...)
	return f
}

// IMAPFlags is the reverse of FlagsOf.
func IMAPFlags(f maildir.Flags) (flags []goimap.Flag) {
	for bit, name := range system() {
		if f.Set&(1<<bit) != 0 {
			flags = append(flags, name)
		}
	}
	for _, k := range f.Keywords.Names() {
		flags = append(flags, goimap.Flag(k))
	}
	slices.Sort(flags)
	return flags
}

// PermanentFlags reads which flags can be stored. RFC 9051 section 7.1: without PERMANENTFLAGS all can.
func PermanentFlags(s *imap.Selected) plan.PermanentFlags {
	if s.PermanentFlags == nil {
		return plan.PermanentFlags{Flags: FlagsOf(s.Flags), Any: true}
	}
	k := plan.PermanentFlags{Flags: FlagsOf(s.PermanentFlags), Any: s.Keywords}
	if k.Any {
		// Who keeps any keyword keeps the system flags too, also those that some servers do not list while no message
		// has them (go-imap's imapmemserver). $Forwarded is a keyword there.
		k.Set = AllFlags
	}
	return k
}
