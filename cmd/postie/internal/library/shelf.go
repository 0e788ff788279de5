// Package library is the mail that is here, as commands read and change it: the Maildir roots of the accounts with their
// indexes, the messages that IDs and queries mean, and a body that is fetched because somebody wants to read it.
package library

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/paths"
	"postie/cmd/postie/internal/session"
	"postie/cmd/postie/internal/ui"
	"postie/maildir"
	"postie/maildir/index"
)

// Shelf is one Maildir root, as commands see it that read what is here and change it, without a server.
type Shelf struct {
	*Store
	Accounts []config.Account // that share it, in the order of the configuration; messages go by the first one's name
	hidden   map[int64]bool   // NUMBERs that are on their way out
}

// Item is one message of a shelf.
type Item struct {
	*Shelf
	index.Message

	root   string // ID of the first message of its thread, in a list of threads
	depth  int
	latest time.Time // of the thread
}

// Show is the message as users see it.
func (i Item) Show() ui.Message { return Message(i.Accounts[0], i.Store, i.Message) }

// Library is all shelves of a command.
type Library struct {
	Options
	Shelves []*Shelf
	Fresh   []config.Account // of which nothing is here yet
	stores  *Stores
}

// Options are what a library stands on.
type Options struct {
	UI      *ui.UI
	Session session.Options // for bodies that are fetched on demand
	Wait    time.Duration   // for a lock; negative: for ever
	AsItIs  bool            // the index as it is, without a look at the folders: for completion, which nobody waits for
}

// Open opens the mail of accounts, and has a quick look at what changed in it. What was never fetched is passed over,
// unless it was named or nothing is left.
func Open(ctx context.Context, o Options, accounts []config.Account, named bool) (*Library, error) {
	l := &Library{Options: o, stores: NewStores(o.UI, false)}
	for _, account := range accounts {
		if !inUse(account) {
			if named || len(accounts) == 1 {
				return nil, errors.Join(nothingHere(account), l.Close())
			}
			o.UI.Verbose(1, account.Name, "nothing was fetched yet")
			l.Fresh = append(l.Fresh, account)
			continue
		}
		if err := l.add(ctx, account); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", account.Name, err), l.Close())
		}
	}
	if len(l.Shelves) == 0 {
		return nil, exit.Usage(errors.New("nothing is here yet"), "postie fetch, or postie sync")
	}
	for _, s := range l.Shelves {
		if o.AsItIs {
			break
		}
		if err := l.look(ctx, s); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return l, nil
}

// inUse says whether an account's mail was ever stored, so that no index is made in some other folder.
func inUse(a config.Account) bool {
	in := func(name string) bool { return paths.Exists(filepath.Join(a.Maildir, name)) }
	return in("cur") || in(".postie.db") || in(".postie.id") || isTree(a) && hasMaildirs(a.Maildir)
}

// isTree says whether the mail lies in folders below the root, by their names: in that of an account, or of another program
// where only a folder was named.
func isTree(a config.Account) bool {
	return a.Host == "" || a.Protocol == config.IMAP && a.Layout == config.LayoutFS
}

func hasMaildirs(root string) bool {
	tree, err := maildir.FS.Maildirs(root, true)
	return err == nil && len(tree.Maildirs) > 0
}

func nothingHere(a config.Account) error {
	if err := dangling(a.Maildir); err != nil {
		return err
	}
	if a.Host == "" {
		return exit.Usage(fmt.Errorf("there is no mail in %s", a.Maildir), "name a Maildir, or the root of what postie sync made")
	}
	command := map[config.Protocol]string{config.POP3: "postie fetch ", config.IMAP: "postie sync "}[a.Protocol]
	return exit.Usage(fmt.Errorf("nothing of %s is here yet", a.Name), command+a.Name)
}

// add puts an account on the shelf of its root.
func (l *Library) add(ctx context.Context, account config.Account) error {
	if err := dangling(account.Maildir); err != nil {
		return err
	}
	store, err := l.stores.read(ctx, account)
	if err != nil {
		return err
	}
	for _, s := range l.Shelves {
		if s.Store == store {
			s.Accounts = append(s.Accounts, account)
			return nil
		}
	}
	l.Shelves = append(l.Shelves, &Shelf{Store: store, Accounts: []config.Account{account}})
	return nil
}

// read opens an index like of, but makes no Maildir.
func (s *Stores) read(ctx context.Context, a config.Account) (*Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := a.Maildir + "\x00" + a.State
	if s.open[key] == nil {
		s.open[key] = &Store{Dir: maildir.Dir(a.Maildir)}
		s.openToRead(ctx, s.open[key], a)
	}
	return s.open[key], s.open[key].err
}

func (s *Stores) openToRead(ctx context.Context, o *Store, a config.Account) {
	o.Index, o.err = index.Open(ctx, o.Dir, &index.Options{State: a.State, Log: s.UI.Logger(), Read: true})
	if o.err == nil && o.Index.Writable() != nil {
		s.UI.Verbose(1, a.Name, o.Index.Writable().Error()+": what changed is seen in a copy of the index")
	}
	if o.err == nil && o.Index.SetAside() != "" {
		s.UI.Warn(a.Name, "the index could not be used and was set aside as "+o.Index.SetAside()+"; it is made anew from the mail")
	}
}

// reopen opens an index anew in which damage was found: it is examined then, and set aside.
func (s *Stores) reopen(ctx context.Context, o *Store, a config.Account) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o.Index.Close() // of something damaged: what it says is known
	o.Index = nil
	s.openToRead(ctx, o, a)
	return o.err
}

// look brings the index up to what other programs did. What prevents that is told, and the index shown as it is. One that turns
// out to be damaged is set aside and made anew.
func (l *Library) look(ctx context.Context, s *Shelf) error {
	task := l.UI.Task(s.Accounts[0].Name)
	task.Phase("looking for changes", ui.Amount{})
	defer task.Done()
	err := s.look(ctx)
	if _, damaged := errors.AsType[*index.Damaged](err); damaged {
		if err = l.stores.reopen(ctx, s.Store, s.Accounts[0]); err != nil {
			return fmt.Errorf("%s: %w", s.Accounts[0].Name, err)
		}
		err = s.look(ctx)
	}
	switch {
	case err == nil || ctx.Err() != nil:
	case index.Busy(err):
		l.UI.Warn(s.Accounts[0].Name, "another run is writing the index: what changed in the Maildir since shows later")
	default:
		l.UI.Warn(s.Accounts[0].Name, fmt.Sprintf("not all changes could be seen: %v", err))
	}
	return exit.Cause(ctx, ctx.Err())
}

func (s *Shelf) look(ctx context.Context) error {
	return s.Index.Hurry(func() error {
		var errs []error
		isMaildir := paths.Exists(filepath.Join(string(s.Dir), "cur"))
		if account := s.Accounts[0]; isTree(account) {
			errs = append(errs, s.Index.Discover(ctx, account.Protocol == config.IMAP))
		}
		if isMaildir {
			_, err := s.Index.Refresh(ctx)
			errs = append(errs, err)
		}
		hidden, err := s.Index.Follow(ctx)
		s.hidden = hidden
		return errors.Join(append(errs, err)...)
	})
}

// Close closes the indexes.
func (l *Library) Close() error { return l.stores.Close() }

// Closing ends a command on a library.
func (l *Library) Closing(err *error) { *err = errors.Join(*err, l.Close()) }

// visible leaves out what is on its way out.
func (s *Shelf) visible(seq iter.Seq2[index.Message, error]) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for m, err := range seq {
			if !s.hidden[m.ID] && !yield(Item{Shelf: s, Message: m}, err) {
				return
			}
		}
	}
}

// Counts are the numbers of each mailbox, without what is on its way out.
func (s *Shelf) Counts(ctx context.Context) ([]index.Count, error) {
	return s.Index.Counts(ctx, s.hidden)
}

// Names are those under which messages of the shelf go.
func (s *Shelf) Names() (names []string) {
	for _, a := range s.Accounts {
		names = append(names, a.Name)
	}
	return names
}

// Find gives the message of an ID: ACCOUNT/MAILBOX/NUMBER, without the account when there is one Maildir, and without
// the mailbox too. The mailbox may be one that the message has left since: NUMBER counts.
func (l *Library) Find(ctx context.Context, id string) (Item, error) {
	unknown := exit.Usage(fmt.Errorf("there is no message %s", id), "postie list shows the IDs")
	place, number := "", id
	if i := strings.LastIndexByte(id, '/'); i >= 0 {
		place, number = id[:i], id[i+1:]
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 {
		return Item{}, exit.Usage(fmt.Errorf("%q is no ID", id), "an ID is ACCOUNT/MAILBOX/NUMBER, as postie list prints it")
	}
	for _, s := range l.Shelves {
		ok, err := s.holds(ctx, place, len(l.Shelves) == 1)
		if err != nil {
			return Item{}, err
		}
		if !ok {
			continue
		}
		m, ok, err := s.Index.ByID(ctx, n)
		if err != nil {
			return Item{}, err
		}
		if ok && !s.hidden[n] {
			return Item{Shelf: s, Message: m}, nil
		}
	}
	return Item{}, unknown
}

// holds says whether ACCOUNT/MAILBOX is of this shelf. A wrong account must never lead to some other message.
func (s *Shelf) holds(ctx context.Context, place string, only bool) (bool, error) {
	if place == "" {
		return only, nil
	}
	known, err := s.Index.Mailboxes(ctx)
	if err != nil {
		return false, err
	}
	for _, mailbox := range known {
		if only && place == mailbox {
			return true, nil
		}
		for _, name := range s.Names() {
			if place == name+"/"+mailbox {
				return true, nil
			}
		}
	}
	return false, nil
}

// Open opens the file of a message; fs.ErrNotExist: only the summary is here.
func (i Item) Open() (*os.File, error) {
	path := i.Index.Path(i.Message)
	if path == "" {
		return nil, fs.ErrNotExist
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s was moved or removed at this moment by another program; try again: %w", i.Show().ID, err)
	}
	return file, err
}
