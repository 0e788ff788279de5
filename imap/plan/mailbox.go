package plan

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"postie/maildir"
)

// place decides about the mailbox itself: it is made where it is missing, and dropped where everything has left it.
func (d *differ) place(b *box) {
	missing := Both &^ b.Exist
	op := Op{Kind: Create, Mailbox: b.Name, Side: missing, Reason: "new " + b.Exist.String()}
	switch {
	case d.tally[b].trashed > 0 && missing&Remote != 0 && (b.Outside || b.Exist == 0):
		if op.Reason = "the trash"; b.Outside {
			op.Side = Remote
		}
		op.Side &= d.policy.Create
		d.ops = append(d.ops, op)
		return
	case b.Outside, b.Exist == Both:
		return
	}
	switch empty := d.tally[b].left(b.Count) <= 0 && !inbox(b.Name); {
	case b.Exist != 0 && !b.changes(missing) && !(b.Known && empty && b.changes(b.Exist)):
		return // it is not to be made there
	case b.Exist == Local && b.Known && b.policy.Direction.Keeps() && d.tally[b].puts == 0 && !empty:
		return // it stays here
	case b.Known && empty && b.Exist != 0 && !b.changes(b.Exist):
		op.Reason = "it is " + b.Exist.String() + ", where nothing is deleted"
	case b.Exist == 0 && !b.Known && !(inbox(b.Name) && b.changes(Remote) && d.policy.Create&Remote != 0):
		return
	case b.Exist == 0 && !b.Known: // an account that is new: it takes nothing else before
		op.Side, op.Reason = missing&d.policy.Create, "there is always an INBOX"
	case b.Exist == 0:
		op.Kind, op.Side, op.Reason = Drop, Both, "gone on both sides"
	case b.Known && empty:
		op.Kind, op.Side, op.Reason = Drop, b.Exist, "gone "+missing.String()
	case d.policy.Create&missing == 0:
		d.notice(b, "is "+b.Exist.String()+" only: it is not to be created elsewhere")
		return
	case !b.Known && d.tally[b].orphans > 0 && d.tally[b].orphans == d.tally[b].comes:
		return // nothing of what is in it goes there unasked
	case b.Known:
		op.Reason = "gone " + missing.String() + ", but not all of it"
	}
	d.ops = append(d.ops, op)
}

func inbox(name string) bool { return strings.EqualFold(name, "INBOX") }

// renamed finds mailboxes that have another name now on one side, and plans the same on the other; or on both, which is
// only to be written down, if it is the same name, and else is the server's. What is left to compare is one mailbox under its new name.
func renamed(boxes []Mailbox, p Policy) ([]Mailbox, []Op, error) {
	r := &renames{boxes: slices.Clone(boxes), gone: map[string]bool{}}
	for _, old := range boxes {
		if !old.Known || old.Outside || inbox(old.Name) || old.Exist == Both {
			continue
		}
		if err := r.find(old, p.Of(&old).Direction); err != nil {
			return nil, nil, err
		}
	}
	return slices.DeleteFunc(r.boxes, func(b Mailbox) bool { return r.gone[b.Name] }), r.ops, nil
}

// renames are the mailboxes of an account while it is found out which have another name now.
type renames struct {
	boxes []Mailbox
	ops   []Op
	gone  map[string]bool
}

// find finds the new name of a mailbox, or its two new names. On a side that is not to be changed it keeps its name.
func (r *renames) find(old Mailbox, d Direction) error {
	if old.Exist != 0 && !d.Changes(old.Exist) || old.Exist == 0 && !d.Changes(Local) {
		return nil
	}
	i, why, err := r.called(old, Both&^old.Exist)
	if err != nil || i >= 0 {
		r.rename(old, i, Op{Side: old.Exist, Reason: why})
		return err
	}
	if old.Exist != 0 {
		return nil
	}
	here, _, err := r.called(old, Local)
	if err != nil || here < 0 {
		return err
	}
	there, _, err := r.called(old, Remote)
	if err != nil || there < 0 {
		return err
	}
	mine := r.boxes[here]
	r.boxes[there].Files, r.boxes[there].Unstable, r.boxes[there].Exist = mine.Files, mine.Unstable, Both
	r.gone[mine.Name] = true
	r.rename(old, there, Op{Side: Local, From: mine.Name, Reason: "is called " + mine.Name + " here and that there"})
	return nil
}

// called finds the mailbox, new on those sides and on no other, that old is called now; -1: none.
func (r *renames) called(old Mailbox, on Side) (int, string, error) {
	unclaimed := func(b Mailbox) bool {
		return !b.Known && !b.Outside && !r.gone[b.Name] && b.Exist == on && !inbox(b.Name)
	}
	said := func(b Mailbox) bool { return on == Local && b.Name == old.Called && unclaimed(b) }
	if i := slices.IndexFunc(r.boxes, said); i >= 0 {
		return i, "renamed here", nil
	}
	for i, b := range r.boxes {
		if !unclaimed(b) {
			continue
		}
		reason, err := recognise(old, b)
		if err != nil {
			return -1, "", fmt.Errorf("mailbox %q: %w", b.Name, err)
		}
		if reason != "" {
			return i, reason, nil
		}
	}
	return -1, "", nil
}

// rename plans it, and leaves one mailbox of the two.
func (r *renames) rename(old Mailbox, i int, op Op) {
	if i < 0 {
		return
	}
	op.Kind, op.Mailbox, op.To = Rename, old.Name, r.boxes[i].Name
	r.ops = append(r.ops, op)
	r.boxes[i] = joined(old, r.boxes[i])
	r.gone[old.Name] = true
}

// recognise says why b, new on one side, is the mailbox old, which is missing there; "": it is not.
func recognise(old, b Mailbox) (string, error) {
	if b.Exist == Local {
		ok, err := most(old.Base.ByKey, func(p *Pair) maildir.Key { return p.Key }, b.Files, func(f *File) maildir.Key { return f.Key },
			func(*Pair, *File) bool { return true })
		return reason(ok, "is called that here: the same files"), err
	}
	if b.UIDValidity == 0 || old.Base.UIDValidity != b.UIDValidity {
		return "", nil // its messages have other UIDs: they are recognised one by one
	}
	if old.Base.MailboxID != "" && b.MailboxID != "" {
		return reason(old.Base.MailboxID == b.MailboxID, "is called that there: the same MAILBOXID"), nil
	}
	// Servers give one UIDVALIDITY to all mailboxes made in the same second: the UIDs and sizes have to be the same too.
	ok, err := most(old.Base.ByUID, func(p *Pair) imap.UID { return p.UID }, b.Messages, func(m *Message) imap.UID { return m.UID },
		func(p *Pair, m *Message) bool { return m.ID.Size == 0 || m.ID.Size == p.Size })
	return reason(ok, "is called that there: the same UIDVALIDITY, UIDs and sizes"), err
}

func reason(ok bool, text string) string {
	if ok {
		return text
	}
	return ""
}

// joined is the mailbox of both: new name and new half from b, everything else from old.
func joined(old, b Mailbox) Mailbox {
	m := old
	m.base = old.Name
	m.Name, m.Exist = b.Name, Both
	if b.Exist&Local != 0 {
		m.Files, m.Unstable, m.Lost = b.Files, b.Unstable, b.Lost
	}
	if b.Exist == Local {
		return m
	}
	m.Messages = b.Messages
	m.UIDValidity, m.MailboxID, m.ModSeq = b.UIDValidity, b.MailboxID, b.ModSeq
	m.PermanentFlags, m.ReadOnly, m.Expunges = b.PermanentFlags, b.ReadOnly, b.Expunges
	return m
}

// most says whether most pairs are found on a side, each under its own key.
func most[K cmp.Ordered, T any](pairs iter.Seq2[Pair, error], keyOf func(*Pair) K, side iter.Seq2[T, error], key func(*T) K, equal func(*Pair, *T) bool) (bool, error) {
	found, all := 0, 0
	err := join(pairs, keyOf, side, key, func(p *Pair, it *T) {
		if p == nil || p.State != Agreed {
			return
		}
		all++
		if it != nil && equal(p, it) {
			found++
		}
	})
	return 2*found > all, err
}
