package inspect

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/credential"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/library"
	"postie/cmd/postie/internal/ui"
	"postie/imap/mirror"
	imapverify "postie/imap/verify"
	"postie/maildir/index"
	"postie/maildir/verify"
	pop3verify "postie/pop3/verify"
)

// Options say what is compared.
type Options struct {
	Local  bool // files with their hashes; else with the server
	Deep   bool
	Repair bool
	Sample verify.Sample
	Policy func(config.Account, *mirror.Options) // says what the account wants, as a sync does

	// Within does something with an account's server that is recorded in the store, as far as the account's share of the day goes.
	Within func(ctx context.Context, account config.Account, store *library.Store, do func(context.Context) error) error
}

// Verify compares the mail of a library, and tells what differs.
func Verify(ctx context.Context, l *library.Library, o Options) error {
	var codes []int
	for _, s := range l.Shelves {
		if o.Local {
			codes = append(codes, local(ctx, l, s, o))
			continue
		}
		for _, account := range s.Accounts {
			codes = append(codes, server(ctx, l, s, account, o))
		}
	}
	if code := exit.Combined(codes); code != exit.OK {
		return exit.Reported(code)
	}
	return nil
}

// local compares files with their hashes.
func local(ctx context.Context, l *library.Library, s *library.Shelf, o Options) int {
	t := &telling{ui: l.UI, name: strings.Join(s.Names(), "+"), account: s.Accounts[0], store: s.Store, form: "local", began: time.Now(), sample: o.Sample}
	task := l.UI.Task(t.name)
	task.Phase("reading", ui.Amount{})
	c, err := verify.Local(ctx, verify.Options{Store: s.Index, Root: string(s.Dir), Layout: s.Layout()}, &t.sample, t.tell, func(n int64) { task.Add(ui.Amount{Messages: 1, Bytes: n}) })
	task.Done()
	return t.conclude(c, 0, exit.Cause(ctx, err))
}

// server compares an account with its server.
func server(ctx context.Context, l *library.Library, s *library.Shelf, a config.Account, o Options) int {
	t := &telling{ui: l.UI, name: a.Name, account: a, store: s.Store, form: "server", began: time.Now(), sample: o.Sample}
	if o.Deep {
		t.form = "deep"
	}
	terminal := credential.NewTerminal("")
	terminal.Hold = l.UI.Hold
	task := l.UI.Task(a.Name)
	task.Phase("comparing", ui.Amount{})
	came := func(n int64) { task.Add(ui.Amount{Messages: 1, Bytes: n}) }
	var broken []verify.Difference
	report := func(d verify.Difference) error {
		if o.Repair && mendable(d) {
			broken = append(broken, d)
		}
		return t.tell(d)
	}
	var c verify.Counts
	repaired := 0
	err := o.Within(ctx, a, s.Store, func(ctx context.Context) (err error) {
		if a.Protocol == config.POP3 {
			c, err = pop3(ctx, l, s, a, o, terminal, report, came)
			return err
		}
		mirroring, err := library.MirrorOptions(ctx, a, s.Store, l.Session, terminal)
		if err != nil {
			return err
		}
		mirroring.Wait, mirroring.Log = l.Wait, l.UI.Logger().With("account", a.Name)
		o.Policy(a, &mirroring)
		c, err = imapverify.Run(ctx, imapverify.Options{Account: mirroring.Account, IMAP: mirroring.IMAP, Store: s.Index, Root: mirroring.Root, Layout: mirroring.Layout,
			Mailboxes: mirroring.Mailboxes, Policy: mirroring.Policy, Terms: mirroring.TermsOf, Wait: l.Wait, Deep: o.Deep, Sample: o.Sample, Report: report, Came: came})
		if err == nil && len(broken) > 0 {
			repaired, err = t.mend(ctx, mirroring, broken)
		}
		return err
	})
	task.Done()
	return t.conclude(c, repaired, exit.Cause(ctx, err))
}

// pop3 compares a maildrop.
func pop3(ctx context.Context, l *library.Library, s *library.Shelf, a config.Account, o Options, terminal *credential.Terminal, report func(verify.Difference) error, came func(int64)) (verify.Counts, error) {
	options, err := l.Session.POP3(ctx, a, terminal)
	if err != nil {
		return verify.Counts{}, err
	}
	return pop3verify.Run(ctx, pop3verify.Options{Maildrop: index.Login{User: a.User, Host: a.Host}, POP3: options, Store: s.Index, Dir: s.Dir, Wait: l.Wait,
		Keeps: a.Keep.Mode == config.KeepForever || a.Keep.Mode == config.KeepFor, Deep: o.Deep, Sample: o.Sample, Report: report, Came: came})
}

// mendable says whether a difference is one that fetching again mends.
func mendable(d verify.Difference) bool {
	return slices.Contains([]verify.Kind{verify.Damaged, verify.Unreadable, verify.Missing}, d.Kind) && d.UID != 0
}

// mend fetches again what is damaged or missing here.
func (t *telling) mend(ctx context.Context, o mirror.Options, broken []verify.Difference) (int, error) {
	var wanted []mirror.Again
	for _, d := range broken {
		wanted = append(wanted, mirror.Again{Mailbox: d.Mailbox, UID: d.UID, Message: d.Message.ID})
	}
	report, err := mirror.FetchAgain(ctx, o, wanted, func(mailbox, path string) {
		t.ui.Notice(t.name, fmt.Sprintf("%s: the damaged file was put aside as %s", mailbox, path))
	})
	return report.New, err
}
