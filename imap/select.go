package imap

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// Selected is a mailbox as SELECT or EXAMINE found it.
type Selected struct {
	Name           string
	Exists         uint32
	UIDValidity    uint32   // 0: the server keeps no UIDs
	UIDNext        imap.UID // 0: not said
	HighestModSeq  ModSeq   // 0: the mailbox has none (NOMODSEQ)
	Flags          []Flag
	PermanentFlags []Flag // what can be stored; nil: not said, then Flags can (RFC 3501 section 7.1)
	Keywords       bool   // new keywords can be made: \* among PERMANENTFLAGS
	ReadOnly       bool
	NotSticky      bool   // UIDNOTSTICKY: UIDs do not outlive the session
	MailboxID      string // RFC 8474; "": the server has none

	// What changed since the point that a Resync named. Resynced: these two are all of it. False: no Resync was given,
	// UIDVALIDITY is another now, or the server did not answer in its way; they are empty then.
	Resynced bool
	Vanished imap.UIDSet // may name UIDs that never were
	Changed  []Message   // UID, Flags (nil: not told), ModSeq
}

// Resync is what is known of a mailbox: a SELECT then brings only what changed since (RFC 7162 section 3.2.5).
type Resync struct {
	UIDValidity uint32
	ModSeq      ModSeq      // up to which everything is known; not 0
	Known       imap.UIDSet // the UIDs that are known; nil: all from 1 on
}

// Select opens a mailbox for reading and writing. With a Resync, on a server for which QResync holds, the answer
// says what changed. A refusal leaves no mailbox selected.
func (s *Session) Select(ctx context.Context, name string, r *Resync) (*Selected, error) {
	return s.choose(ctx, "SELECT", name, r)
}

// Examine is Select for reading only.
func (s *Session) Examine(ctx context.Context, name string, r *Resync) (*Selected, error) {
	return s.choose(ctx, "EXAMINE", name, r)
}

// choose selects a mailbox. What of RFC 7162 the server does not understand is left away.
func (s *Session) choose(ctx context.Context, verb, name string, r *Resync) (*Selected, error) {
	m, err := s.chooseOnce(ctx, verb, name, r)
	resync := r != nil && r.ModSeq > 0 && s.QResync()
	if resync && misunderstood(err) {
		if m, err = s.chooseOnce(ctx, verb, name, nil); err == nil {
			s.Lose(imap.CapQResync)
		}
	}
	if s.CondStore() && misunderstood(err) {
		without := s.without[imap.CapCondStore]
		s.without[imap.CapCondStore] = true
		m, err = s.chooseOnce(ctx, verb, name, nil)
		if s.without[imap.CapCondStore] = without; err == nil {
			s.Lose(imap.CapCondStore)
		}
	}
	return m, err
}

func (s *Session) chooseOnce(ctx context.Context, verb, name string, r *Resync) (*Selected, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	m := &Selected{Name: name}
	box := &inbox{Select: m}
	c, err := s.begin(ctx, verb, box)
	if err != nil {
		return nil, err
	}
	s.selected = false
	s.wire.forgetTally()
	if r != nil && r.ModSeq > 0 && s.QResync() {
		box.Keep = true
		s.wire.amend(amendment{" (CONDSTORE)", r.String(), false})
	}
	_, err = s.lib.Select(name, &imap.SelectOptions{ReadOnly: verb == "EXAMINE", CondStore: s.CondStore()}).Wait()
	if err := c.end(err); err != nil {
		return nil, err
	}
	s.selected = true
	if !s.CondStore() { // Dovecot says HIGHESTMODSEQ also where CONDSTORE was taken from its capabilities
		m.HighestModSeq = 0
	}
	s.noModSeq = m.HighestModSeq == 0
	if box.Keep && !box.kept && m.UIDValidity == r.UIDValidity && m.HighestModSeq > 0 {
		if all, named := changed(box.Kept); named { // else it is no answer: some change stays unknown
			m.Resynced, m.Vanished, m.Changed = true, box.Vanished.set(), all
		}
	}
	return m, nil
}

// changed makes messages of the FETCH responses to a SELECT, each of which may tell a part of one. named says
// whether each has a UID in one of them; what has none is left out.
func changed(kept []Message) (all []Message, named bool) {
	at := make(map[SeqNum]int, len(kept))
	all = kept[:0]
	for _, m := range kept {
		i, again := at[m.Seq]
		if !again || m.UID != 0 && all[i].UID != 0 && m.UID != all[i].UID {
			at[m.Seq] = len(all)
			all = append(all, m)
			continue
		}
		known := &all[i]
		known.UID, known.ModSeq = cmp.Or(m.UID, known.UID), max(m.ModSeq, known.ModSeq)
		if m.Flags != nil {
			known.Flags = m.Flags
		}
	}
	told := len(all)
	all = slices.DeleteFunc(all, func(m Message) bool { return m.UID == 0 })
	return all, len(all) == told
}

// String is the parameter of RFC 7162 section 3.2.5. A set that is too long
// for a command, or has a '*', which is not allowed here, is left out: that only makes the answer longer.
func (r *Resync) String() string {
	known := ""
	if set := r.Known.String(); set != "" && !r.Known.Dynamic() && len(set) <= maxSetLong/2 {
		known = " " + set
	}
	return fmt.Sprintf(" (QRESYNC (%d %d%s))", r.UIDValidity, r.ModSeq, known)
}

// set changes what is known of the mailbox being selected, if one is.
func (m *Selected) set(f func(*Selected)) bool {
	if m != nil {
		f(m)
	}
	return m != nil
}

// code reads a response code about the mailbox being selected.
func (m *Selected) code(c code) {
	if m == nil {
		return
	}
	number := func(bits int) uint64 { // what is none stays 0
		n, err := strconv.ParseUint(c.Args, 10, bits)
		if err != nil {
			return 0
		}
		return n
	}
	switch c.Name {
	case "CLOSED": // RFC 7162 section 3.2.11: what came before was about the mailbox selected until now
		*m = Selected{Name: m.Name}
	case "UIDVALIDITY":
		m.UIDValidity = uint32(number(32))
	case "UIDNEXT":
		m.UIDNext = imap.UID(number(32))
	case "HIGHESTMODSEQ":
		m.HighestModSeq = ModSeq(number(modSeqBits))
	case "NOMODSEQ":
		m.HighestModSeq = 0
	case "UIDNOTSTICKY":
		m.NotSticky = true
	case "READ-ONLY":
		m.ReadOnly = true
	case "READ-WRITE":
		m.ReadOnly = false
	case "MAILBOXID":
		m.MailboxID = strings.Trim(c.Args, "()")
	case "PERMANENTFLAGS":
		m.permanent(c.Args)
	}
}

func (m *Selected) permanent(args string) {
	m.PermanentFlags = []Flag{}
	for _, f := range strings.Fields(strings.Trim(args, "()")) {
		switch f := canonical(f); f {
		case imap.FlagWildcard:
			m.Keywords = true
		case `\Recent`:
		default:
			m.PermanentFlags = append(m.PermanentFlags, f)
		}
	}
}
