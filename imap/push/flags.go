package push

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
)

// Without mod-sequences (CONDSTORE, RFC 7162) neither EXAMINE nor STATUS shows that a flag changed. So the flags of the mailbox that is
// listened to are compared whenever listening begins, and now and then those of the mailboxes in which something happened lately.

// What counts as recent, and how much of it is compared.
const (
	lately         = time.Hour
	mostCompared   = 3    // mailboxes
	compareAtMost  = 1000 // messages in each: larger ones wait for a run
	recentWhenFull = 32
)

// flagsOf is a number that is another one when a flag of a message in the selected mailbox is, or its messages are; their order does not matter.
func flagsOf(ctx context.Context, s *imap.Session) (sum uint64, err error) {
	for m, err := range s.FetchFlags(ctx, goimap.UIDSet{{Start: 1}}, 0, nil) {
		if err != nil {
			return 0, err
		}
		sum += flagsOfOne(m)
	}
	return sum, nil
}

func flagsOfOne(m imap.Message) uint64 {
	flags := slices.DeleteFunc(slices.Clone(m.Flags), func(f imap.Flag) bool { return f == `\Recent` })
	slices.Sort(flags)
	h := fnv.New64a()
	fmt.Fprint(h, m.UID, flags)
	return h.Sum64()
}

// compare looks whether flags of the selected mailbox are others than before; that they are not known is news too, but for an Ear of one
// mailbox: what happened before it listened is somebody else's to find.
func (e *Ear) compare(ctx context.Context, s *imap.Session, m *imap.Selected) error {
	if m.HighestModSeq != 0 || m.UIDValidity == 0 {
		return nil
	}
	var now uint64
	var err error
	if m.Exists > 0 { // else some servers call the range wrong
		now, err = flagsOf(ctx, s)
	}
	if refused(err) {
		return nil
	}
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	before, known := e.flags[m.Name]
	if e.flags == nil {
		e.flags = map[string]uint64{}
	}
	e.flags[m.Name] = now
	if known && before != now || !known && !e.alone {
		e.hear(m.Name)
	}
	return nil
}

// compareRecent looks at the flags of the mailboxes in which something happened lately, and then listens to the first again.
func (e *Ear) compareRecent(ctx context.Context, s *imap.Session, way Way) error {
	names := e.recentOnes(time.Now())
	if len(names) == 0 || e.done() {
		return nil
	}
	e.mu.Lock()
	e.idling = false // what the server tells now is not of INBOX
	e.mu.Unlock()
	for _, name := range names {
		m, err := s.Examine(ctx, name, nil)
		if err == nil {
			err = e.compare(ctx, s, m)
		}
		if err != nil && !refused(err) {
			return err
		}
	}
	if e.done() {
		return nil
	}
	return e.open(ctx, s, way)
}

// recentOnes are the mailboxes whose flags are worth comparing, the latest first.
func (e *Ear) recentOnes(now time.Time) (names []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name, at := range e.recent {
		if status, known := e.known[name]; now.Sub(at) > lately || !known || status.UIDValidity == 0 {
			delete(e.recent, name)
			delete(e.flags, name)
		} else if status.HighestModSeq == 0 && status.Messages > 0 && status.Messages <= compareAtMost {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return e.recent[b].Compare(e.recent[a]) })
	return names[:min(len(names), mostCompared)]
}
