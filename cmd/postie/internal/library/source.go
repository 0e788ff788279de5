package library

import (
	"context"
	"path/filepath"

	"postie/cmd/postie/internal/ui"
	"postie/imap/base"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/index/query"
	"postie/maildir/source"
)

// Known is what the index of a tree knows beside what its files tell.
type Known struct {
	source.Options
	Bodyless map[string]int       // messages of which only the summary is here, by mailbox
	Inexact  map[maildir.Key]bool // messages that came in a form which their files do not give back
}

// KnownOf asks the index of a tree, if it has one, before its mail is read: names of mailboxes that were too long for a folder,
// keywords without a letter, subscriptions, and messages without a body.
func KnownOf(ctx context.Context, u *ui.UI, root string) (Known, error) {
	if err := dangling(root); err != nil {
		return Known{}, err
	}
	k := Known{Bodyless: map[string]int{}, Inexact: map[maildir.Key]bool{}}
	if !known(root) {
		return k, nil
	}
	s, err := index.Open(ctx, maildir.Dir(root), &index.Options{Log: u.Logger(), Read: true})
	if err != nil {
		return k, err
	}
	defer s.Close()
	subscribed, err := base.Subscribed(ctx, s)
	if err != nil {
		return k, err
	}
	names := map[string]string{}
	words := map[maildir.Key]maildir.Keywords{}
	for m, err := range query.List(ctx, s, query.ListOptions{}) {
		if err != nil {
			return k, err
		}
		if m.Entry.Name == "" {
			k.Bodyless[m.Mailbox]++
			continue
		}
		if !m.Wire.Exact && m.Wire.Size > 0 {
			k.Inexact[m.Entry.Key] = true
		}
		if m.Flags.Keywords != "" {
			words[m.Entry.Key] = m.Flags.Keywords
		}
		if folder, err := filepath.Rel(root, string(s.DirOf(m))); err == nil {
			names[filepath.ToSlash(folder)] = m.Mailbox
		}
	}
	k.Name = func(folder string) string { return names[folder] }
	k.Subscribed = func(folder string) (bool, bool) { s, ok := subscribed[folder]; return s, ok }
	k.Keywords = func(key maildir.Key) maildir.Keywords { return words[key] }
	return k, nil
}
