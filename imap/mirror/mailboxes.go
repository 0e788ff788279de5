package mirror

import (
	"slices"
	"strings"

	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/look"
)

// mailboxes are those of a run.
type mailboxes struct {
	boxes  []*box // sorted by name
	byName map[string]*box
	found  []string // the folders below the root that are Maildirs
	terms  func(name string) *plan.Terms
}

func (m *mailboxes) box(name string) *box {
	b := m.byName[name]
	if b == nil {
		b = &box{maildirSide: maildirSide{entries: map[maildir.Key]maildir.Entry{}, fresh: map[maildir.Key]*index.Message{}, unread: map[maildir.Key]error{}}}
		b.Name, b.terms = name, m.terms(name)
		m.byName[name] = b
	}
	return b
}

func (m *mailboxes) sorted() []*box {
	all := make([]*box, 0, len(m.byName))
	for _, b := range m.byName {
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b *box) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func (m *mailboxes) those(which func(*box) bool) (all []*box) {
	for _, b := range m.boxes {
		if which(b) {
			all = append(all, b)
		}
	}
	return all
}

// boxOf is the mailbox of a folder: by now it may have a base, or be another one (moveIn).
func (m *mailboxes) boxOf(f *look.Folder) *box {
	return m.boxes[slices.IndexFunc(m.boxes, func(b *box) bool { return b.folder == f })]
}
