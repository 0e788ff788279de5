package mirror

import (
	"slices"
	"strings"

	"postie/imap/naming"
	"postie/imap/plan"
)

// NoMailboxError says that patterns without a wildcard choose nothing.
type NoMailboxError struct {
	Names []string
	Known []string // what there is
}

func (e *NoMailboxError) Error() string { return "there is no mailbox " + strings.Join(e.Names, ", ") }

// chosen makes sure that a mailbox which is asked for by its name is there: who mistyped it would be told that nothing is new, for ever.
// Where nothing else is chosen the run ends before it did anything; else the others are done first.
func (f *finder) chosen() error {
	var known, missing []string
	for _, b := range f.sorted() {
		if b.exist() != 0 || b.known {
			known = append(known, b.Name)
		}
	}
	chosen := slices.ContainsFunc(known, func(name string) bool { return naming.Patterns(f.Mailboxes).Match(name) })
	for _, p := range f.Mailboxes {
		if !strings.HasPrefix(p, "!") && !strings.ContainsAny(p, "*%") && !slices.Contains(known, naming.Canonical(p)) {
			missing = append(missing, p)
		}
	}
	switch {
	case len(missing) > 0 && !chosen:
		return &NoMailboxError{missing, known}
	case !chosen && len(f.Mailboxes) > 0:
		f.emit(Notice{Text: "no mailbox is chosen by " + strings.Join(f.Mailboxes, " ")})
	}
	for _, name := range missing {
		f.fail(plan.Op{Mailbox: name}, &NoMailboxError{[]string{name}, known})
	}
	return nil
}
