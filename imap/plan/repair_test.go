package plan

import (
	"fmt"
	"testing"

	"github.com/emersion/go-imap/v2"

	"postie/maildir"
)

// What a Maildir lacks is repaired before all else; not in one that is no part of the run, is not there, or is guarded: the next run is to see the same.
func TestRepair(t *testing.T) {
	defects := []Defect{{Reason: "cur/ is not there"}, {Key: "k", Reason: "its letters mean other keywords here"}}
	var gone []Pair
	for n := range 20 {
		gone = append(gone, Pair{UID: imap.UID(n + 1), Key: maildir.Key(fmt.Sprintf("k%02d", n))})
	}
	for name, c := range map[string]struct {
		m    Mailbox
		want int
	}{
		"there":        {Mailbox{Exist: Both}, 2},
		"elsewhere":    {Mailbox{Exist: Remote, Known: true, Deleted: true}, 0},
		"left out":     {Mailbox{Exist: Both, Outside: true}, 0},
		"files gone":   {Mailbox{Exist: Both, Known: true, Count: 20, Base: BaseOf(gone), Messages: Seq(still(gone)), Expunges: true, PermanentFlags: PermanentFlags{Flags: maildir.Flags{Set: trashed}}}, 0},
		"nothing gone": {Mailbox{Exist: Both, Known: true, Count: 20}, 2},
	} {
		c.m.Name, c.m.Defects = "INBOX", defects
		if c.m.Files == nil {
			c.m.Files = Seq[File](nil)
		}
		if c.m.Messages == nil {
			c.m.Messages, c.m.Base = Seq[Message](nil), BaseOf(nil)
		}
		p, err := Diff([]Mailbox{c.m}, Policy{MaxDelete: 0.3, Expunge: true, Create: Both})
		if err != nil {
			t.Fatal(name, err)
		}
		n := 0
		for i, op := range p.Ops {
			if op.Kind == Repair {
				if n++; n != i+1 {
					t.Errorf("%s: %v is no. %d", name, op, i)
				}
			}
		}
		if n != c.want || c.want == 0 && len(p.Guards) == 0 && name == "files gone" {
			t.Errorf("%s: %v, %v", name, p.Ops, p.Guards)
		}
	}
}

// still are the messages of pairs.
func still(pairs []Pair) (all []Message) {
	for _, p := range pairs {
		all = append(all, Message{UID: p.UID, Still: true})
	}
	return all
}
