package library

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/paths"
	"postie/cmd/postie/internal/ui"
	"postie/maildir"
	"postie/maildir/index"
)

// Stores opens the index of each Maildir root once, however many accounts fill it.
type Stores struct {
	UI     *ui.UI
	dryRun bool
	mu     sync.Mutex
	open   map[string]*Store
	trash  []string // empty folders for a dry run
}

// Store is a Maildir root and its index.
type Store struct {
	Dir   maildir.Dir
	Index *index.Store
	Lost  []string        // folders that were not there though there is an index
	users map[string]bool // accounts that were given it
	made  []string        // folders, in the order in which a run made them; nil: it is only read
	err   error
}

// NewStores opens nothing yet. In a dry run nothing is made where a Maildir is to be.
func NewStores(u *ui.UI, dryRun bool) *Stores {
	return &Stores{UI: u, dryRun: dryRun, open: map[string]*Store{}}
}

// Of gives the Maildir and the index of an account. What is missing is made; a Maildir that cannot be written is an
// error here, before any server is asked for anything.
func (s *Stores) Of(ctx context.Context, a config.Account) (*Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := a.Maildir + "\x00" + a.State
	if s.open[key] == nil {
		opened := &Store{Dir: maildir.Dir(a.Maildir), users: map[string]bool{}}
		opened.err = s.openOne(ctx, opened, a)
		s.open[key] = opened
	}
	s.open[key].users[a.Name] = true
	return s.open[key], s.open[key].err
}

// Renew closes the index of an account, in which damage was found, so that the next Of sets it aside and makes it anew from the
// mail. It does nothing, and says so, where another account is at work with it.
func (s *Stores) Renew(a config.Account) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := a.Maildir + "\x00" + a.State
	o := s.open[key]
	if o == nil || o.Index == nil || len(o.users) > 1 {
		return false
	}
	delete(s.open, key)
	return o.Index.Close() == nil
}

func (s *Stores) openOne(ctx context.Context, o *Store, a config.Account) error {
	if err := s.ready(o, a); err != nil {
		return err
	}
	var err error
	o.Index, err = index.Open(ctx, o.Dir, &index.Options{State: a.State, Log: s.UI.Logger(), Dry: s.dryRun})
	if err != nil {
		return err
	}
	if aside := o.Index.SetAside(); aside != "" {
		s.UI.Notice("", "the index of "+string(o.Dir)+" could not be used and was set aside as "+aside+"; it is made anew from the mail")
	}
	return nil
}

// ready makes the root of an account, or what stands for it in a dry run where nothing is there yet.
func (s *Stores) ready(o *Store, a config.Account) (err error) {
	if s.dryRun && !known(a.Maildir) && !mailIn(a) {
		dir, err := os.MkdirTemp("", "postie")
		if err != nil {
			return err
		}
		s.trash = append(s.trash, dir)
		o.Dir = maildir.Dir(dir)
	}
	o.Lost = missingFolders(o.Dir)
	if err := dangling(a.Maildir); err != nil {
		return err
	}
	o.made = missing(string(o.Dir))
	switch {
	case index.Writable(a.Maildir) != nil:
		return index.Writable(a.Maildir)
	case s.dryRun && string(o.Dir) == a.Maildir:
		return nil
	case a.Protocol == config.IMAP: // the root of a tree, not always a Maildir itself
		return os.MkdirAll(string(o.Dir), 0o700)
	}
	return o.Dir.Ensure()
}

// dangling says what is wrong with a root that cannot be one: a link to nowhere, as when a disk is not mounted, a file, or a folder that
// we may not read.
func dangling(root string) error { return index.Usable("the Maildir", root) }

// missing lists a root and the folders above it that are not there, the uppermost first, and those of a Maildir.
func missing(root string) (dirs []string) {
	dirs = []string{}
	for dir := root; !paths.Exists(dir); dir = filepath.Dir(dir) {
		dirs = append([]string{dir}, dirs...)
	}
	for _, sub := range []string{"cur", "new", "tmp"} {
		if dir := filepath.Join(root, sub); !paths.Exists(dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// mailIn says whether there is a root for a dry run to look at.
func mailIn(a config.Account) bool {
	dir := a.Maildir
	if a.Protocol != config.IMAP {
		dir = filepath.Join(dir, "cur")
	}
	info, err := os.Stat(dir)
	return err == nil && info.IsDir()
}

// missingFolders names what a Maildir that has an index ought to have and has not: something took the mail away.
func missingFolders(dir maildir.Dir) (lost []string) {
	if !known(string(dir)) {
		return nil
	}
	for _, sub := range []string{"new", "cur"} {
		if !paths.Exists(filepath.Join(string(dir), sub)) {
			lost = append(lost, sub)
		}
	}
	return lost
}

// Used says whether mail of an account was ever stored here.
func Used(a config.Account) bool { return known(a.Maildir) }

// known says whether a root has or had an index: in it, or elsewhere (state), which its id tells.
func known(root string) bool {
	return paths.Exists(filepath.Join(root, ".postie.db")) || paths.Exists(filepath.Join(root, ".postie.id"))
}

// Unmake removes the empty folders that were made for a run, which was then refused because they were not there: the next run has to
// see that too.
func (o *Store) Unmake() {
	for _, dir := range slices.Backward(o.made) {
		os.Remove(dir)
	}
}

// close closes one. What a run opened goes again if nothing came of it.
func (o *Store) close() (gone bool, err error) {
	if o.made == nil {
		return false, o.Index.Close()
	}
	return o.Index.Discard(context.Background(), exit.Connection, exit.BadUsage, exit.Failed)
}

// Close closes all of them. Where nothing was ever stored nothing is left: a wrong host makes no Maildir.
func (s *Stores) Close() error {
	var errs []error
	for _, o := range s.open {
		if o.Index != nil {
			gone, err := o.close()
			errs = append(errs, err)
			if !gone {
				continue
			}
		}
		for _, dir := range slices.Backward(o.made) {
			os.Remove(dir) // as long as nothing is in it
		}
	}
	for _, dir := range s.trash {
		errs = append(errs, os.RemoveAll(dir))
	}
	return errors.Join(errs...)
}
