package imap

import (
	"errors"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// Servers offer what they then refuse: behind proxies that answer CAPABILITY for others, in versions where it is broken. Such a
// capability is done without: for the rest of the session, and by Options.Without in the next ones.

// Has says whether the server offers c and takes it. What IMAP4rev2 and others imply counts.
func (s *Session) Has(c imap.Cap) bool { return s.caps.Has(c) && !s.does(c) }

// does says whether a session does without c, or without what c stands on.
func (s *Session) does(c imap.Cap) bool {
	on := map[imap.Cap]imap.Cap{imap.CapQResync: imap.CapCondStore, imap.CapListStatus: imap.CapListExtended, imap.CapLiteralMinus: imap.CapLiteralPlus}
	return s.without[c] || on[c] != "" && s.without[on[c]]
}

// forgo begins a session without some capabilities.
func (s *Session) forgo(those []imap.Cap) {
	s.without = map[imap.Cap]bool{}
	for _, c := range those {
		if c = imap.Cap(strings.ToUpper(string(c))); c != imap.CapLoginDisabled { // it offers nothing, it forbids
			s.without[c] = true
		}
	}
}

// Lose notes that the server offers a capability and refuses what it is for. It is not used any more.
func (s *Session) Lose(c imap.Cap) {
	if !s.without[c] {
		s.without[c] = true
		s.lost = append(s.lost, c)
	}
}

// Lost are the capabilities that were offered and refused in this session.
func (s *Session) Lost() []imap.Cap {
	if s.wire.refusesLiterals(reply{}) {
		s.Lose(imap.CapLiteralPlus)
	}
	return slices.Clone(s.lost)
}

// mechanisms are those that may be used to log in.
func (s *Session) mechanisms() (all []string) {
	for _, m := range s.caps.AuthMechanisms() {
		if !s.without["AUTH="+imap.Cap(m)] {
			all = append(all, m)
		}
	}
	slices.Sort(all)
	return all
}

// misunderstood says whether a refusal may mean that the server does not know what it offers, rather than that it will not, or
// cannot, do this now: RFC 5530 has codes for all of these.
func misunderstood(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.Status == "BAD" || e.Status == "NO" && slices.Contains([]string{"", "CANNOT", "CLIENTBUG", "BADCHARSET"}, e.Code))
}

// Misunderstood says whether the server may not know a command at all, though it offers it.
func (e *Error) Misunderstood() bool { return misunderstood(e) }
