package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/paths"
	"postie/cmd/postie/internal/ui"
	"postie/maildir"
	"postie/maildir/index"
)

// reading are the flags by which commands find the mail that is here.
type reading struct {
	maildir string
	flags   *pflag.FlagSet
}

func (r *reading) register(f *pflag.FlagSet) {
	r.flags = f
	f.StringVarP(&r.maildir, "maildir", "d", "", "the mail in this `DIR`, without a configuration")
}

// shelf is one Maildir root, as commands see it that read what is here and change it, without a server.
type shelf struct {
	*store
	accounts []config.Account // that share it, in the order of the configuration; messages go by the first one's name
	hidden   map[int64]bool   // NUMBERs that are on their way out
}

// item is one message of a shelf.
type item struct {
	*shelf
	index.Message
}

func (i item) show() ui.Message { return message(i.accounts[0], i.store, i.Message) }

// library is all shelves of a command.
type library struct {
	app     *app
	stores  *stores
	shelves []*shelf
	fresh   []config.Account // of which nothing is here yet
}

// library opens the mail of the named accounts, of all without names, or that of a folder, and has a quick look at what
// changed in it. What was never fetched is passed over, unless nothing is left.
func (a *app) library(ctx context.Context, names []string, r reading) (*library, error) {
	accounts, err := a.local(names, r)
	if err != nil {
		return nil, err
	}
	l := &library{app: a, stores: a.newStores(false)}
	for _, account := range accounts {
		if !inUse(account) {
			if len(names) > 0 || len(accounts) == 1 {
				return nil, errors.Join(nothingHere(account), l.close())
			}
			a.ui.Verbose(1, account.Name, "nothing was fetched yet")
			l.fresh = append(l.fresh, account)
			continue
		}
		if err := l.add(ctx, account); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", account.Name, err), l.close())
		}
	}
	if len(l.shelves) == 0 {
		return nil, exit.Usage(errors.New("nothing is here yet"), "postie fetch, or postie sync")
	}
	for _, s := range l.shelves {
		if err := l.look(ctx, s); err != nil {
			return nil, errors.Join(err, l.close())
		}
	}
	return l, nil
}

// inUse says whether an account's mail was ever stored, so that no index is made in some other folder.
func inUse(a config.Account) bool {
	in := func(name string) bool { return paths.Exists(filepath.Join(a.Maildir, name)) }
	return in("cur") || in(".postie.db") || in(".postie.id")
}

func nothingHere(a config.Account) error {
	if a.Host == "" {
		return exit.Usage(fmt.Errorf("there is no mail in %s", a.Maildir), "name a Maildir, or the root of what postie sync made")
	}
	command := map[config.Protocol]string{config.POP3: "postie fetch ", config.IMAP: "postie sync "}[a.Protocol]
	return exit.Usage(fmt.Errorf("nothing of %s is here yet", a.Name), command+a.Name)
}

// local are the accounts whose mail is meant.
func (a *app) local(names []string, r reading) ([]config.Account, error) {
	if r.maildir == "" && r.flags.Changed("maildir") { // a variable of a script that is not set must not mean all accounts
		return nil, exit.Usagef("-d wants a folder")
	}
	if r.maildir != "" {
		dir := paths.Absolute(r.maildir)
		account := config.Account{Name: filepath.Base(dir), Maildir: dir, IndexBodies: true, Protocol: config.POP3}
		if paths.Exists(dir) && !paths.Exists(filepath.Join(dir, "cur")) {
			account.Protocol, account.Layout = config.IMAP, config.LayoutFS
		}
		if len(names) > 0 && names[0] != account.Name {
			return nil, exit.Usagef("-d says which mail is meant; %s does so too", names[0])
		}
		return []config.Account{account}, nil
	}
	file, err := a.load()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exit.Usage(err, "name a Maildir with -d DIR, or make a configuration with postie init")
	}
	if err != nil {
		return nil, err
	}
	return file.Select(names, "")
}

// add puts an account on the shelf of its root.
func (l *library) add(ctx context.Context, account config.Account) error {
	store, err := l.stores.read(ctx, account)
	if err != nil {
		return err
	}
	for _, s := range l.shelves {
		if s.store == store {
			s.accounts = append(s.accounts, account)
			return nil
		}
	}
	l.shelves = append(l.shelves, &shelf{store: store, accounts: []config.Account{account}})
	return nil
}

// read opens an index like of, but makes no Maildir.
func (s *stores) read(ctx context.Context, a config.Account) (*store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := a.Maildir + "\x00" + a.State
	if s.open[key] == nil {
		o := &store{dir: maildir.Dir(a.Maildir)}
		o.index, o.err = index.Open(ctx, o.dir, &index.Options{State: a.State, Log: s.app.ui.Logger(), Read: true})
		s.open[key] = o
		if o.err == nil && o.index.Writable() != nil {
			s.app.ui.Verbose(1, a.Name, o.index.Writable().Error()+": what changed is seen in a copy of the index")
		}
		if o.err == nil && o.index.SetAside() != "" {
			s.app.ui.Warn(a.Name, "the index could not be used and was set aside as "+o.index.SetAside()+"; it is made anew from the mail")
		}
	}
	return s.open[key], s.open[key].err
}

// look brings the index up to what other programs did. What prevents that is told, and the index shown as it is.
func (l *library) look(ctx context.Context, s *shelf) error {
	task := l.app.ui.Task(s.accounts[0].Name)
	task.Phase("looking for changes", ui.Amount{})
	defer task.Done()
	err := s.index.Hurry(func() (err error) {
		var refreshErr error
		if paths.Exists(filepath.Join(string(s.dir), "cur")) {
			_, refreshErr = s.index.Refresh(ctx)
		}
		s.hidden, err = s.index.Follow(ctx)
		return errors.Join(refreshErr, err)
	})
	switch {
	case err == nil || ctx.Err() != nil:
	case index.Busy(err):
		l.app.ui.Warn(s.accounts[0].Name, "another run is writing the index: what changed in the Maildir since shows later")
	default:
		l.app.ui.Warn(s.accounts[0].Name, fmt.Sprintf("not all changes could be seen: %v", err))
	}
	return exit.Cause(ctx, ctx.Err())
}

func (l *library) close() error { return l.stores.close() }

// closing ends a command on a library.
func (l *library) closing(err *error) { *err = errors.Join(*err, l.close()) }

// visible leaves out what is on its way out.
func (s *shelf) visible(seq iter.Seq2[index.Message, error]) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		for m, err := range seq {
			if !s.hidden[m.ID] && !yield(item{s, m}, err) {
				return
			}
		}
	}
}

// names are those under which messages of the shelf go.
func (s *shelf) names() (names []string) {
	for _, a := range s.accounts {
		names = append(names, a.Name)
	}
	return names
}

// find gives the message of an ID: ACCOUNT/MAILBOX/NUMBER, without the account when there is one Maildir, and without
// the mailbox too. The mailbox may be one that the message has left since: NUMBER counts.
func (l *library) find(ctx context.Context, id string) (item, error) {
	unknown := exit.Usage(fmt.Errorf("there is no message %s", id), "postie list shows the IDs")
	place, number := "", id
	if i := strings.LastIndexByte(id, '/'); i >= 0 {
		place, number = id[:i], id[i+1:]
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 {
		return item{}, exit.Usage(fmt.Errorf("%q is no ID", id), "an ID is ACCOUNT/MAILBOX/NUMBER, as postie list prints it")
	}
	for _, s := range l.shelves {
		ok, err := s.holds(ctx, place, len(l.shelves) == 1)
		if err != nil {
			return item{}, err
		}
		if !ok {
			continue
		}
		m, ok, err := s.index.ByID(ctx, n)
		if err != nil {
			return item{}, err
		}
		if ok && !s.hidden[n] {
			return item{s, m}, nil
		}
	}
	return item{}, unknown
}

// holds says whether ACCOUNT/MAILBOX is of this shelf. A wrong account must never lead to some other message.
func (s *shelf) holds(ctx context.Context, place string, only bool) (bool, error) {
	if place == "" {
		return only, nil
	}
	known, err := s.index.Mailboxes(ctx)
	if err != nil {
		return false, err
	}
	for _, mailbox := range known {
		if only && place == mailbox {
			return true, nil
		}
		for _, name := range s.names() {
			if place == name+"/"+mailbox {
				return true, nil
			}
		}
	}
	return false, nil
}

// finds gives the messages of several IDs, each once.
func (l *library) finds(ctx context.Context, ids []string) ([]item, error) {
	var all []item
	seen := map[string]bool{}
	for _, id := range ids {
		i, err := l.find(ctx, id)
		if err != nil {
			return nil, err
		}
		if key := i.show().ID; !seen[key] {
			seen[key] = true
			all = append(all, i)
		}
	}
	return all, nil
}
