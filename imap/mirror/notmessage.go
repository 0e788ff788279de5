package mirror

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"postie/imap/plan"
	"postie/maildir"
)

// empty is the kind of a file that holds nothing: a copy that was damaged, by a full disk or a crash.
const empty = "empty"

// noMessage marks what is said of a name in new/ or cur/ that is no message.
const noMessage = ": no message, left alone"

// leave notes what is no message.
func (b *box) leave(kind string, e maildir.Entry) {
	if b.left == nil {
		b.left = map[string][]maildir.Entry{}
	}
	b.left[kind] = append(b.left[kind], e)
}

// tellFiles says, once, what lies in a Maildir and is no message, and names in each run the files that could not be read: nobody
// knows what is in them, so they are not uploaded.
func (o *localObserver) tellFiles() {
	for _, b := range o.boxes {
		if !b.looked || b.outside && !b.blind {
			continue
		}
		for _, kind := range slices.Sorted(maps.Keys(b.left)) {
			o.note(b.Name, leftAlone(kind, b.left[kind]))
		}
		for _, line := range o.before {
			if b.still && strings.HasPrefix(line, b.Name+": ") && strings.HasSuffix(line, noMessage) {
				o.said = append(o.said, line) // so that it is not said again when something happens there
			}
		}
		for _, key := range slices.Sorted(maps.Keys(b.unread)) {
			if !o.unread[b.Name+"\x00"+string(key)] {
				o.unread[b.Name+"\x00"+string(key)] = true
				o.fail(plan.Op{Kind: plan.Upload, Side: plan.Remote, Mailbox: b.Name, Key: key}, b.unread[key])
			}
		}
	}
}

// leftAlone is what is said of names that are no messages.
func leftAlone(kind string, es []maildir.Entry) string {
	slices.SortFunc(es, func(a, b maildir.Entry) int { return strings.Compare(a.Rel(), b.Rel()) })
	var names []string
	for _, e := range es {
		if len(names) == 3 {
			names = append(names, fmt.Sprintf("and %d more", len(es)-len(names)))
			break
		}
		names = append(names, e.Rel())
	}
	if kind == "a symbolic link" {
		kind += ", which is not followed"
	}
	return strings.Join(names, ", ") + " (" + kind + ")" + noMessage
}
