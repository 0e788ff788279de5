package library

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"postie/cmd/postie/internal/config"
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
	trash  []string // stand-ins of a dry run
}

// Store is a Maildir root and its index.
type Store struct {
	Dir   maildir.Dir
	Index *index.Store
	Lost  []string // folders that were not there though there is an index
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
		opened := &Store{Dir: maildir.Dir(a.Maildir)}
		opened.err = s.openOne(ctx, opened, a)
		s.open[key] = opened
	}
	return s.open[key], s.open[key].err
}

func (s *Stores) openOne(ctx context.Context, o *Store, a config.Account) error {
	state := a.State
	if s.dryRun && state == "" && !paths.Exists(filepath.Join(a.Maildir, ".postie.db")) {
		var err error
		if o.Dir, err = s.standIn(a.Maildir); err != nil {
			return err
		}
	}
	o.Lost = missingFolders(o.Dir)
	var err error
	if a.Protocol == config.IMAP { // the root of a tree, not always a Maildir itself
		err = os.MkdirAll(string(o.Dir), 0o700)
	} else {
		err = o.Dir.Ensure()
	}
	if err != nil {
		return err
	}
	o.Index, err = index.Open(ctx, o.Dir, &index.Options{State: state, Log: s.UI.Logger()})
	if err != nil {
		return err
	}
	if aside := o.Index.SetAside(); aside != "" {
		s.UI.Notice("", "the index of "+string(o.Dir)+" could not be used and was set aside as "+aside+"; it is made anew from the mail")
	}
	return nil
}

// standIn is a folder for a dry run over one that postie has never seen: it shows the same mail, and what is made is made
// there.
func (s *Stores) standIn(root string) (maildir.Dir, error) {
	dir, err := os.MkdirTemp("", "postie")
	if err != nil {
		return "", err
	}
	s.trash = append(s.trash, dir)
	entries, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	for _, e := range entries {
		if info, err := os.Stat(filepath.Join(root, e.Name())); err != nil || !info.IsDir() || e.Name() == "tmp" {
			continue
		}
		if err := os.Symlink(filepath.Join(root, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			return "", err
		}
	}
	return maildir.Dir(dir), nil
}

// missingFolders names what a Maildir that has an index ought to have and has not: something took the mail away.
func missingFolders(dir maildir.Dir) (lost []string) {
	if !paths.Exists(filepath.Join(string(dir), ".postie.db")) {
		return nil
	}
	for _, sub := range []string{"new", "cur"} {
		if !paths.Exists(filepath.Join(string(dir), sub)) {
			lost = append(lost, sub)
		}
	}
	return lost
}

// Close closes all of them.
func (s *Stores) Close() error {
	var errs []error
	for _, o := range s.open {
		if o.Index != nil {
			errs = append(errs, o.Index.Close())
		}
	}
	for _, dir := range s.trash {
		errs = append(errs, os.RemoveAll(dir))
	}
	return errors.Join(errs...)
}
