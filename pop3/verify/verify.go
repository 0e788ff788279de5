// Package verify compares a POP3 maildrop with its copy: which messages the server lists, in what size, and the files; with Deep every
// octet of what is still there. Nothing is marked, so that QUIT deletes nothing.
//
// The server is a letter box, the Maildir is where mail lives: what is gone on either side was taken away by somebody, as a rule, and is
// told as that.
package verify

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"slices"
	"time"

	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/verify"
	"postie/pop3"
	"postie/pop3/ledger"
)

// Options of Run. Maildrop, POP3, Store and Dir are needed.
type Options struct {
	Maildrop index.Login
	POP3     pop3.Options
	Store    *index.Store
	Dir      maildir.Dir   // the root that Store belongs to
	MaxSize  int64         // octets; larger messages are not fetched; 0: any are
	Keeps    bool          // what is deleted here stays there
	Wait     time.Duration // for the lock: 0 not at all, <0 for ever
	Deep     bool          // compare octets
	Sample   verify.Sample // with Deep: of so many messages only
	Now      func() time.Time
	Report   func(verify.Difference) error // nil: nobody is told
	Came     func(octets int64)            // of bodies; nil: nobody is told
}

// run is one Run.
type run struct {
	Options
	verify.Teller
	ledger  *ledger.Ledger
	session *pop3.Session
	tree    *verify.Tree
	copies  map[string][]kept // by UIDL
	broken  map[string]ledger.Breaker
	asked   map[pop3.Number]kept
}

// kept is a message that was fetched.
type kept struct {
	ledger.Receipt
	message index.Message // ID 0: it is not in the Maildir any more
}

// Run compares once. Counts are true also beside an error. Errors: *index.Locked; verify.ErrRestless; those of pop3.Connect, of the
// session, of the index and of Report.
func Run(ctx context.Context, o Options) (verify.Counts, error) {
	r := &run{Options: o, Teller: verify.Teller{To: o.Report}, copies: map[string][]kept{}, broken: map[string]ledger.Breaker{}, asked: map[pop3.Number]kept{}}
	var read *verify.Sample
	if r.Deep {
		read = &r.Sample
	}
	tree, release, err := verify.Begin(ctx, verify.Options{Store: r.Store, Root: string(r.Dir), Layout: maildir.MaildirPlusPlus, Now: r.Now}, read,
		func(ctx context.Context) (*index.Lock, error) { return r.Store.LockMaildrop(ctx, r.Maildrop, r.Wait) })
	defer release()
	if r.tree = tree; err == nil {
		err = r.run(ctx)
	}
	if r.session != nil {
		r.session.Close()
	}
	return r.Counts, err
}

func (r *run) run(ctx context.Context) (err error) {
	r.Mailboxes = len(r.tree.Mailboxes)
	if err := r.receipts(ctx); err != nil {
		return err
	}
	if err := r.tree.Folders(&r.Teller); err != nil {
		return err
	}
	if r.session, err = pop3.Connect(ctx, r.POP3); err != nil {
		return err
	}
	items, err := r.session.Survey(ctx)
	if err == nil {
		err = r.compare(items)
	}
	if err == nil && r.Deep {
		err = r.octets(ctx, items)
	}
	if err != nil {
		return err
	}
	return r.session.Quit(ctx)
}

// receipts reads what was fetched, and compares the files.
func (r *run) receipts(ctx context.Context) (err error) {
	if r.ledger, err = ledger.Open(ctx, r.Store, r.Maildrop); err != nil {
		return err
	}
	breakers, err := r.ledger.Breakers(ctx)
	if err != nil {
		return err
	}
	for _, b := range breakers {
		r.broken[b.UIDL] = b
	}
	all, err := r.ledger.Receipts(ctx)
	if err != nil {
		return err
	}
	for _, receipt := range all {
		k := kept{Receipt: receipt}
		if k.message, _, err = r.Store.ByKey(ctx, receipt.Key); err != nil {
			return err
		}
		if err := r.file(ctx, k.message); err != nil {
			return err
		}
		if receipt.State == ledger.Stored || receipt.State == ledger.Away {
			r.copies[receipt.UIDL] = append(r.copies[receipt.UIDL], k)
		}
	}
	return nil
}

// file compares the file of a message: by its size, or by its hash.
func (r *run) file(ctx context.Context, m index.Message) error {
	if m.ID == 0 {
		return nil // its user took it away
	}
	r.Messages++
	p, ok := r.tree.Place(m)
	if r.Deep && r.Sample.Has(m.ID) || !ok {
		owns, err := r.Store.Owns(ctx, []int64{m.ID})
		if err != nil {
			return err
		}
		d, err := r.tree.File(ctx, m, owns[m.ID], &r.Counts)
		if err != nil || d == nil {
			return err
		}
		return r.Tell(*d)
	}
	if d := r.tree.Displaced(m, p); d != nil {
		if err := r.Tell(*d); err != nil {
			return err
		}
	}
	path := p.Dir.Path(p.Entry)
	info, err := os.Lstat(path)
	if err != nil || p.Entry.Size < 0 || info.Size() == p.Entry.Size || maildir.Compressed(path) {
		return nil // or another program renames it at this moment
	}
	return r.Tell(verify.Difference{Kind: verify.Damaged, Mailbox: p.Mailbox, Message: m, Path: path,
		Detail: fmt.Sprintf("it has %d octets on disk in place of %d", info.Size(), p.Entry.Size)})
}

// compare compares the list of the server with what was fetched.
func (r *run) compare(items []pop3.Item) error {
	nameless := 0
	for _, it := range items {
		if it.UIDL == "" {
			nameless++
			continue
		}
		if err := r.listed(it); err != nil {
			return err
		}
	}
	if nameless > 0 {
		return r.Tell(verify.Difference{Kind: verify.NotGiven, Mailbox: index.Inbox,
			Detail: fmt.Sprintf("the server gives no UIDL for %d messages: whether they are here cannot be told", nameless)})
	}
	for _, uidl := range slices.Sorted(maps.Keys(r.copies)) {
		for _, k := range r.copies[uidl] {
			if k.State == ledger.Away { // it was known
				continue
			}
			d := verify.Difference{Kind: verify.NotPulled, Mailbox: index.Inbox, UIDL: uidl, Message: k.message, Detail: "the message is gone there"}
			if err := r.Tell(d); err != nil {
				return err
			}
		}
	}
	return nil
}

// listed compares one message that the server has.
func (r *run) listed(it pop3.Item) error {
	d := verify.Difference{Mailbox: index.Inbox, UIDL: it.UIDL}
	known := r.copies[it.UIDL]
	if len(known) == 0 {
		breaker, broken := r.broken[it.UIDL]
		switch d.Kind, d.Detail = verify.NotPulled, "the message is new there"; {
		case broken:
			d.Kind, d.Detail = verify.NotGiven, fmt.Sprintf("the connection ended at this message, or it did not come whole, %d times", breaker.Tries)
		case r.MaxSize > 0 && it.Size > r.MaxSize:
			r.Bodyless++
			return nil
		}
		return r.Tell(d)
	}
	k := known[0]
	if r.copies[it.UIDL] = known[1:]; len(known) == 1 {
		delete(r.copies, it.UIDL)
	}
	r.asked[it.Number], d.Message = k, k.message
	switch {
	case k.message.ID == 0 && r.Keeps:
		r.OneSide++
	case k.message.ID == 0:
		d.Kind, d.Detail = verify.NotPushed, "the message was deleted here, and the server has it"
		if err := r.Tell(d); err != nil {
			return err
		}
	}
	if it.Size > 0 && k.Listed > 0 && it.Size != k.Listed {
		d.Kind, d.Detail = verify.OtherSize, fmt.Sprintf("the server says %d octets, and said %d", it.Size, k.Listed)
		return r.Tell(d)
	}
	return nil
}

// octets reads messages that are there, and compares them with what was fetched.
func (r *run) octets(ctx context.Context, items []pop3.Item) error {
	some := func(yield func(pop3.Item) bool) {
		for _, it := range items {
			k, known := r.asked[it.Number]
			if known && (k.message.ID == 0 && r.Sample.N == 0 || k.message.ID != 0 && r.Sample.Has(k.message.ID)) && !yield(it) {
				return
			}
		}
	}
	for m, err := range r.session.Retrieve(ctx, iter.Seq[pop3.Item](some)) {
		if err != nil {
			return err
		}
		k := r.asked[m.Number]
		d := verify.Difference{Mailbox: index.Inbox, UIDL: k.UIDL, Message: k.message}
		if m.Refused != nil {
			d.Kind, d.Detail = verify.NotGiven, m.Refused.Error()
		} else {
			h := sha256.New()
			n, err := io.Copy(h, m.Body)
			if err != nil {
				continue // the session reports it next
			}
			if r.Came != nil {
				r.Came(n)
			}
			r.There++
			var sum [32]byte
			if h.Sum(sum[:0]); sum == k.Wire.Hash {
				continue
			}
			d.Kind, d.Detail = verify.OtherOctets, "the server gives other octets than it did"
		}
		if err := r.Tell(d); err != nil {
			return err
		}
	}
	return nil
}
