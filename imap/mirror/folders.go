package mirror

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/changes"
	"postie/imap/naming"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
)

// folders finds the mailboxes: of the server, of the Maildir root, and of the base.
func (r *run) folders(ctx context.Context) error {
	r.boxes, r.byName = nil, map[string]*box{}
	r.reader.Forget()
	all, err := r.base.Mailboxes(ctx)
	if err != nil {
		return err
	}
	namer := &maildir.Namer{Layout: r.Layout}
	for _, m := range all {
		b := r.box(m.Name)
		// One that was entered and never read is as good as unknown.
		// So is one whose rows are lost, though it had messages when it was recorded.
		if m.Messages > 0 && !m.Some {
			m.UIDValidity, m.UIDNext, m.Messages, m.ModSeq, m.Stamp, m.Places = 0, 0, 0, 0, maildir.Stamp{}, maildir.Places{}
		}
		b.Mailbox, b.known = m, m.UIDValidity != 0 || m.Some
		namer.Take(m.Folder)
	}
	if err := r.list(ctx); err != nil {
		return err
	}
	if r.Policy.Trash != "" {
		r.box(r.Policy.Trash) // a plan has to know whether it is there
	}
	for _, b := range r.sorted() {
		if b.Folder == "" {
			b.Folder = namer.Folder(naming.Split(b.Name))
			if slices.Contains(r.aside, b.Name) {
				b.Folder += "%" // no folder is called so: it is not there
			}
		}
	}
	if err := r.walk(); err != nil {
		return err
	}
	for _, b := range r.sorted() {
		b.dir = maildir.Dir(filepath.Join(r.Root, b.Folder))
		b.outside = b.apart || !naming.Patterns(r.Mailboxes).Match(b.Name)
		if b.known = b.known || b.Made && b.exist() == plan.Both; b.known && b.UIDValidity == 0 && b.remote == nil {
			held, err := r.base.Held(ctx, b.ID)
			if err != nil {
				return err
			}
			b.known = held > 0 // else it was never on the server
		}
		if b.remote == nil {
			b.server, _ = r.theirs(b)
		}
	}
	r.boxes = slices.DeleteFunc(r.sorted(), func(b *box) bool {
		return b.server == "" && !r.nameless(b) || b.outside && !b.here && !b.known && b.Name != r.Policy.Trash
	})
	r.recallErrands()
	return nil
}

// nameless: a folder that cannot be a mailbox there stays as it is. One that we know cannot be such.
func (r *run) nameless(b *box) bool {
	if b.known {
		return true
	}
	if !b.outside {
		r.note(b.Name, "cannot be a mailbox on the server, because of its name")
	}
	delete(r.byName, b.Name)
	return false
}

// TermsOf are the terms of a mailbox that are its own; nil: there are none.
func (o Options) TermsOf(name string) *plan.Terms {
	for i, t := range o.Terms {
		if naming.Patterns([]string{t.Pattern}).Match(name) {
			return &o.Terms[i].Terms
		}
	}
	return nil
}

func (r *run) box(name string) *box {
	b := r.byName[name]
	if b == nil {
		b = &box{maildirSide: maildirSide{entries: map[maildir.Key]maildir.Entry{}, fresh: map[maildir.Key]*index.Message{}, unread: map[maildir.Key]error{}}}
		b.Name, b.terms = name, r.TermsOf(name)
		r.byName[name] = b
	}
	return b
}

func (r *run) sorted() []*box {
	all := make([]*box, 0, len(r.byName))
	for _, b := range r.byName {
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b *box) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// list asks the server for its mailboxes and their status, in one round trip where it can.
func (r *run) list(ctx context.Context) (err error) {
	var all []imap.Mailbox
	for tries := 0; ; tries++ {
		if r.naming, all, err = changes.List(ctx, r.session, !r.breaks.mute, maps.Keys(r.byName)); err == nil {
			break
		}
		if tries == 2 || !r.doWithout(ctx, err) {
			return err
		}
		r.breaks.mute = tries == 1 // then SELECT tells
	}
	for _, last := range []bool{false, true} {
		for i := range all {
			if _, raw := imap.Raw(all[i].Name); raw == last {
				r.listed(&all[i])
			}
		}
	}
	return r.unlisted(ctx, all)
}

// listed notes a mailbox that LIST names.
func (r *run) listed(m *imap.Mailbox) {
	if m.Unusable {
		if name := fmt.Sprintf("%.80q", m.Name); !r.contradicted[name] {
			r.contradicted[name] = true
			r.fail(plan.Op{Mailbox: name}, errName)
		}
		return
	}
	if !m.Selectable() {
		return
	}
	name := r.naming.Ours(m.Name)
	if b := r.byName[name]; b != nil && b.remote != nil {
		name = r.naming.Shown(m.Name, true)
	}
	if naming.Virtual(*m) && !naming.Patterns(r.Mailboxes).Names(name) {
		r.note(name, "shows messages of other mailboxes: it is left out unless it is named")
		r.box(name).apart = true
	}
	b := r.box(name)
	if b.remote != nil {
		r.note(name, "is the name of two mailboxes on the server: one is left out")
		return
	}
	b.server, b.remote = m.Name, m
	if theirs, _ := r.naming.Theirs(name); theirs == m.Name {
		b.Server = ""
	} else {
		b.Server = m.Name
	}
}

// theirs is the server's name of a mailbox that it may not have any more.
func (r *run) theirs(b *box) (string, bool) {
	if b.Server != "" {
		return b.Server, true
	}
	return r.naming.Theirs(b.Name)
}

// Trash is the mailbox that a server names as its trash (RFC 6154), as Policy.Trash wants it; "": it names none.
func Trash(ctx context.Context, s *imap.Session) (string, error) {
	n, all, err := changes.List(ctx, s, false, func(func(string) bool) {})
	if i := slices.IndexFunc(all, func(m imap.Mailbox) bool { return m.Selectable() && m.Has(goimap.MailboxAttrTrash) }); i >= 0 {
		return n.Ours(all[i].Name), err
	}
	return "", err
}
