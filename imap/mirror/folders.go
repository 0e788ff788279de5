package mirror

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
)

// box is a mailbox in a run: what the index knows, and what is seen on either side.
type box struct {
	index.Mailbox               // ID 0: not known
	known         bool          // there is a base
	outside       bool          // not part of this run
	blind         bool          // its Maildir cannot be read
	server        string        // its name there; "": it is not there and cannot be
	remote        *imap.Mailbox // nil: not there
	here          bool          // its Maildir is here
	dir           maildir.Dir

	apart     bool // Gmail's virtual ones, and what has a name twice
	mustMatch bool // its UIDs mean nothing any more, or nobody knows yet what they mean: plan.Rematch

	// The server's side.
	now      index.Mailbox // as it was when it was read
	read     bool          // all that changed there since ModSeq is in view
	messages []plan.Message
	byUID    []plan.Pair
	newbase  []plan.Pair // after Rematch
	wishes   []plan.Wish
	expunges bool
	// The Maildir.
	stamp    maildir.Stamp                  // from before the scan; zero: not to be recorded
	entries  map[maildir.Key]maildir.Entry  // of files in view
	fresh    map[maildir.Key]*index.Message // files that the base does not know
	files    []plan.File
	byKey    []plan.Pair
	respelt  bool          // files have other letters now, which is not durable yet
	missing  goimap.UIDSet // messages whose file is not here
	news     int           // files that the base does not know
	twins    int           // files whose key another one has
	looked   int           // how often it was read
	seen     maildir.Stamp // from before the last reading
	firm     bool          // a change after that reading must show in the stamp
	unstable bool          // it did not come to rest, or could not be read
	later    *box          // how it was just before something was pushed; nil: nothing changed
	left     []passage     // of later
	came     []passage     // of later

	withheld goimap.UIDSet // what the server did not let us mark as deleted
	pushed   bool          // this run changed it on the server
	next     goimap.UID    // of what this run moves here
	spoiled  bool          // something planned was not done
}

// folders finds the mailboxes: of the server, of the Maildir root, and of the base.
func (r *run) folders(ctx context.Context) error {
	r.boxes, r.byName, r.current, r.state = nil, map[string]*box{}, "", nil
	all, err := r.base.Mailboxes(ctx)
	if err != nil {
		return err
	}
	namer := &maildir.Namer{Layout: r.Layout}
	for _, m := range all {
		b := r.box(m.Name)
		// One that was entered and never read is as good as unknown.
		b.Mailbox, b.known = m, m.UIDValidity != 0 || m.Count > 0
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
			b.Folder = namer.Folder(split(b.Name))
		}
	}
	if err := r.walk(); err != nil {
		return err
	}
	for _, b := range r.sorted() {
		b.dir = maildir.Dir(filepath.Join(r.Root, b.Folder))
		b.outside = b.apart || !patterns(r.Mailboxes).match(b.Name)
		b.known = b.known || b.Made && b.exist() == plan.Both
		if b.remote == nil {
			b.server, _ = r.naming.theirs(b.Name)
		}
	}
	r.boxes = slices.DeleteFunc(r.sorted(), func(b *box) bool {
		return b.server == "" && !r.nameless(b) || b.outside && !b.here && !b.known && b.Name != r.Policy.Trash
	})
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

func (r *run) box(name string) *box {
	b := r.byName[name]
	if b == nil {
		b = &box{entries: map[maildir.Key]maildir.Entry{}, fresh: map[maildir.Key]*index.Message{}}
		b.Name = name
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
	if r.naming, all, err = named(ctx, r.session, true, maps.Keys(r.byName)); err != nil {
		return err
	}
	for i, m := range all {
		if !m.Selectable() {
			continue
		}
		name := r.naming.ours(m.Name)
		if virtual(m) && !patterns(r.Mailboxes).names(name) {
			r.note(name, "shows messages of other mailboxes: it is left out unless it is named")
			r.box(name).apart = true
		}
		b := r.box(name)
		if b.remote != nil {
			r.note(name, "is the name of two mailboxes on the server: one is left out")
			continue
		}
		b.server, b.remote = m.Name, &all[i]
	}
	return nil
}

// named lists mailboxes, and finds out how they are named; known are those that the base has.
func named(ctx context.Context, s *imap.Session, status bool, known iter.Seq[string]) (n naming, all []imap.Mailbox, err error) {
	if n.prefix, n.delim, err = s.Namespace(ctx); err != nil {
		return n, nil, err
	}
	if all, err = s.List(ctx, status); err != nil {
		return n, nil, err
	}
	if i := slices.IndexFunc(all, imap.Mailbox.Selectable); i >= 0 && n.delim == 0 {
		n.delim = all[i].Delim
	}
	if !s.Has(goimap.CapNamespace) {
		n = n.guess(all, known)
	}
	return n, all, nil
}

// Trash is the mailbox that a server names as its trash (RFC 6154), as Policy.Trash wants it; "": it names none.
func Trash(ctx context.Context, s *imap.Session) (string, error) {
	n, all, err := named(ctx, s, false, func(func(string) bool) {})
	if i := slices.IndexFunc(all, func(m imap.Mailbox) bool { return m.Selectable() && m.Has(goimap.MailboxAttrTrash) }); i >= 0 {
		return n.ours(all[i].Name), err
	}
	return "", err
}

func isDir(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.IsDir()
}

// exist says on which sides a mailbox is.
func (b *box) exist() (s plan.Side) {
	if b.here {
		s |= plan.Local
	}
	if b.remote != nil {
		s |= plan.Remote
	}
	return s
}

// enter makes a mailbox known to the index.
func (r *run) enter(ctx context.Context, b *box) error {
	if b.ID != 0 {
		return nil
	}
	return r.base.Enter(ctx, &b.Mailbox)
}

// selected selects a mailbox, unless it is selected. What a Resync brings is only there when it was not.
func (r *run) selected(ctx context.Context, b *box, since *imap.Resync) (*imap.Selected, error) {
	if r.current == b.server && since == nil && r.state != nil {
		return r.state, nil
	}
	r.current, r.state = "", nil
	s, err := r.session.Select(ctx, b.server, since)
	if err != nil {
		return nil, err
	}
	if s.UIDValidity == 0 || s.NotSticky {
		return nil, fmt.Errorf("select %q: %w", b.server, errUIDs)
	}
	r.current, r.state = b.server, s
	return s, nil
}

// opened selects a mailbox to change it. Its UIDs must mean what they meant when the plan was made.
func (r *run) opened(ctx context.Context, b *box) error {
	s, err := r.selected(ctx, b, nil)
	if err == nil && b.UIDValidity != 0 && plan.UIDValidity(s.UIDValidity) != b.UIDValidity {
		return fmt.Errorf("select %q: %w", b.server, errValidity)
	}
	if err == nil && (s.ReadOnly && !b.now.ReadOnly || b.now.Keeps.Set&^keeps(s).Set != 0) {
		// Nothing else had changed, so nobody had looked. The plan is to be made again, with that known.
		b.ReadOnly, b.Keeps = s.ReadOnly, keeps(s)
		return cmp.Or(r.base.Record(ctx, b.Mailbox), error(errTurned))
	}
	return err
}

type problem string

func (p problem) Error() string { return string(p) }

const (
	errUIDs      = problem("the server keeps no UIDs for it, so it cannot be synchronised")
	errValidity  = problem("its UIDVALIDITY changed meanwhile")
	errGone      = problem("the message is not there any more")
	errNoFile    = problem("it is no file")
	errRewritten = problem("the file was rewritten meanwhile")
	errPassing   = problem("it may be on its way from another folder")
	errLost      = problem("it was uploaded and cannot be found there")
	errTurned    = problem("it is read-only now")
	errUnfound   = problem("it was uploaded twice and could not be found there")
	errExists    = problem("there is one of that name already")
	errFilled    = problem("it is not empty")
)

// uids makes a set of the UIDs of things.
func uids[T any](all []T, uid func(T) goimap.UID) goimap.UIDSet {
	var set goimap.UIDSet
	for _, it := range all {
		if u := uid(it); u != 0 {
			set.AddNum(u)
		}
	}
	return set
}
