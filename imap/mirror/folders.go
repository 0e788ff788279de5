package mirror

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/changes"
	"postie/imap/naming"
	"postie/imap/plan"
	"postie/maildir"
)

// finder finds the mailboxes: those of the server, of the Maildir root, and of the base.
type finder struct {
	*account
	breakers  *breakers
	firstSync *firstSync
}

// folders finds the mailboxes: of the server, of the Maildir root, and of the base.
func (f *finder) folders(ctx context.Context) error {
	f.boxes, f.byName = nil, map[string]*box{}
	f.reader.Forget()
	all, err := f.base.Mailboxes(ctx)
	if err != nil {
		return err
	}
	namer := &maildir.Namer{Layout: f.Layout}
	for _, m := range all {
		b := f.box(m.Name)
		// One that was entered and never read is as good as unknown.
		// So is one whose rows are lost, though it had messages when it was recorded.
		if m.Messages > 0 && !m.Some {
			m.UIDValidity, m.UIDNext, m.Messages, m.ModSeq, m.Stamp, m.Places = 0, 0, 0, 0, maildir.Stamp{}, maildir.Places{}
		}
		b.Mailbox, b.known = m, m.UIDValidity != 0 || m.Some
		namer.Take(m.Folder)
	}
	if err := f.list(ctx); err != nil {
		return err
	}
	if f.Policy.Trash != "" {
		f.box(f.Policy.Trash) // a plan has to know whether it is there
	}
	for _, b := range f.sorted() {
		if b.Folder == "" {
			b.Folder = namer.Folder(naming.Split(b.Name))
			if slices.Contains(f.aside, b.Name) {
				b.Folder += "%" // no folder is called so: it is not there
			}
		}
	}
	if err := f.walk(); err != nil {
		return err
	}
	for _, b := range f.sorted() {
		b.dir = maildir.Dir(filepath.Join(f.Root, b.Folder))
		b.outside = b.apart || !naming.Patterns(f.Mailboxes).Match(b.Name)
		if b.known = b.known || b.Made && b.exist() == plan.Both; b.known && b.UIDValidity == 0 && b.remote == nil {
			held, err := f.base.Held(ctx, b.ID)
			if err != nil {
				return err
			}
			b.known = held > 0 || b.Archived // else it was never on the server
		}
		if b.remote == nil {
			b.server, _ = f.theirs(b)
		}
	}
	f.boxes = slices.DeleteFunc(f.sorted(), func(b *box) bool {
		return b.server == "" && !f.nameless(b) || b.outside && !b.here && !b.known && b.Name != f.Policy.Trash
	})
	f.breakers.recallErrands()
	return nil
}

// nameless: a folder that cannot be a mailbox there stays as it is. One that we know cannot be such.
func (f *finder) nameless(b *box) bool {
	if b.known {
		return true
	}
	if !b.outside {
		f.note(b.Name, "cannot be a mailbox on the server, because of its name")
	}
	delete(f.byName, b.Name)
	return false
}

// list asks the server for its mailboxes and their status, in one round trip where it can.
func (f *finder) list(ctx context.Context) (err error) {
	var all []imap.Mailbox
	for tries := 0; ; tries++ {
		if f.naming, all, err = changes.List(ctx, f.session, !f.breakers.breaks.mute, maps.Keys(f.byName)); err == nil {
			break
		}
		if tries == 2 || !f.breakers.doWithout(ctx, err) {
			return err
		}
		f.breakers.breaks.mute = tries == 1 // then SELECT tells
	}
	for _, last := range []bool{false, true} {
		for i := range all {
			if _, raw := imap.Raw(all[i].Name); raw == last {
				f.listed(&all[i])
			}
		}
	}
	return f.unlisted(ctx, all)
}

// listed notes a mailbox that LIST names.
func (f *finder) listed(m *imap.Mailbox) {
	if m.Unusable {
		if name := fmt.Sprintf("%.80q", m.Name); !f.contradicted[name] {
			f.contradicted[name] = true
			f.fail(plan.Op{Mailbox: name}, errName)
		}
		return
	}
	if !m.Selectable() {
		return
	}
	name := f.naming.Ours(m.Name)
	if b := f.byName[name]; b != nil && b.remote != nil {
		name = f.naming.Shown(m.Name, true)
	}
	if naming.Virtual(*m) && !naming.Patterns(f.Mailboxes).Names(name) {
		f.note(name, "shows messages of other mailboxes: it is left out unless it is named")
		f.box(name).apart = true
	}
	b := f.box(name)
	if b.remote != nil {
		f.note(name, "is the name of two mailboxes on the server: one is left out")
		return
	}
	b.server, b.remote = m.Name, m
	if theirs, _ := f.naming.Theirs(name); theirs == m.Name {
		b.Server = ""
	} else {
		b.Server = m.Name
	}
}

// Trash is the mailbox that a server names as its trash (RFC 6154), as Policy.Trash wants it; "": it names none.
func Trash(ctx context.Context, s *imap.Session) (string, error) {
	n, all, err := changes.List(ctx, s, false, func(func(string) bool) {})
	if i := slices.IndexFunc(all, func(m imap.Mailbox) bool { return m.Selectable() && m.Has(goimap.MailboxAttrTrash) }); i >= 0 {
		return n.Ours(all[i].Name), err
	}
	return "", err
}
