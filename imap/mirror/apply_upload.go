package mirror

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/base"
	"postie/imap/changes"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/look"
)

// uploads puts files on the server.
type uploads struct {
	*agreements
	files     *files
	rescanner *rescanner
}

// upload is one file on its way up.
type upload struct {
	op      plan.Op
	entry   maildir.Entry
	message *index.Message
	disk    int64 // octets of the file
	intent  base.Intent
	sent    bool
	uid     goimap.UID
}

// upload appends files, batch by batch: intents, APPENDs in one flight, agreements.
func (u *uploads) upload(ctx context.Context, ops []plan.Op) error {
	b := u.byName[ops[0].Mailbox]
	var batch []*upload
	var size int64
	for i, op := range ops {
		if i%maildir.BatchMessages == 0 {
			if err := u.rescanner.rescan(ctx); err != nil {
				return err
			}
		}
		p, err := u.prepareUpload(ctx, b, op)
		if err != nil {
			if maildir.Hopeless(err) {
				return err
			}
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errPassing) {
				u.spoil(op) // the next run's
			} else {
				u.fail(op, err)
			}
		} else {
			batch = append(batch, p)
			size += p.disk
		}
		if len(batch) == maildir.BatchMessages || size >= maildir.BatchBytes || i == len(ops)-1 {
			if err := u.uploadBatch(ctx, b, batch); err != nil {
				return err
			}
			batch, size = nil, 0
		}
	}
	return nil
}

// prepareUpload makes ready what an APPEND has to know beforehand.
func (u *uploads) prepareUpload(ctx context.Context, b *box, op plan.Op) (*upload, error) {
	if slices.Contains(b.stuck, op.Key) {
		return nil, errUnfound
	}
	e, err := u.files.entry(ctx, b, op.Key)
	if err != nil {
		return nil, err
	}
	p := &upload{op: op, entry: e, message: b.fresh[op.Key]}
	if p.message == nil {
		if p.message, err = u.files.readFile(ctx, b.dir, e); err != nil {
			return nil, err
		}
	}
	if passing, err := u.rescanner.passing(ctx, b, op.Key, p.message); err != nil || passing {
		return nil, cmp.Or(err, error(errPassing))
	}
	if p.message, err = u.files.sent(p.message, b.dir.Path(e)); err != nil {
		return nil, err
	}
	info, err := os.Stat(b.dir.Path(e))
	if err != nil {
		return nil, err
	}
	p.disk, p.op.Pair.Size = info.Size(), p.message.Wire.Size
	return p, nil
}

// uploadBatch writes down the intents of a batch, sends all of it in one flight, and agrees what the server took.
func (u *uploads) uploadBatch(ctx context.Context, b *box, batch []*upload) error {
	if len(batch) == 0 {
		return nil
	}
	intents := make([]base.Intent, len(batch))
	for i, p := range batch {
		intents[i] = base.Intent{Mailbox: b.ID, Key: p.op.Key, To: b.ID, UIDValidity: b.delta.Now.UIDValidity, UIDNext: b.delta.Now.UIDNext,
			Size: p.message.Wire.Size, Hash: p.message.Wire.Hash, Header: p.message.Header, MessageID: p.message.Summary.MessageID}
	}
	u.step("intend upload")
	if err := u.base.Intend(ctx, intents); err != nil {
		return err
	}
	for i, p := range batch {
		p.intent = intents[i]
	}
	b.pushed = true
	err := u.send(ctx, b, batch)
	if err == nil {
		err = u.locate(ctx, b, batch)
	}
	if err == nil {
		if err = u.uploadSizes(ctx, b, batch); err != nil && (single(err) || u.breakers.doWithout(ctx, err)) {
			u.Log.Warn("sizes of uploads are not told", "mailbox", b.Name, "err", err)
			err = nil
		}
	}
	var ops []plan.Op
	var as []base.Agreement
	for _, p := range batch {
		if err == nil && !p.sent { // nothing was begun that a later run would have to look for
			err = u.base.Settled(ctx, p.intent)
		}
		if p.uid != 0 {
			ops, as = append(ops, p.op), append(as, u.uploaded(b, p))
			b.delta.Now.UIDNext = max(b.delta.Now.UIDNext, p.uid+1)
		}
	}
	return errors.Join(u.agree(context.WithoutCancel(ctx), ops, as), err)
}

func (u *uploads) uploaded(b *box, p *upload) base.Agreement {
	pair := p.op.Pair
	pair.UID, pair.Key = p.uid, p.op.Key
	a := u.agreement(p.op, pair)
	a.Mailbox, a.Entry, a.Message, a.Intent = b.ID, p.entry, p.message, p.intent.ID
	return a
}

// send appends a batch, and goes on after a refusal. APPENDUID is believed where it speaks of the mailbox that we know.
func (u *uploads) send(ctx context.Context, b *box, batch []*upload) error {
	i := 0
	var refused *upload
	var why error
	for done, err := range u.session.AppendAll(ctx, b.server, u.uploads(ctx, b, batch)) {
		if err != nil && !single(err) {
			return err
		}
		for !batch[i].sent {
			i++ // it could not be opened
		}
		p := batch[i]
		i++
		if err != nil {
			if p.sent = false; forbidden(err) {
				refused, why = p, err
			} else if slices.Contains(u.session.Lost(), goimap.CapLiteralPlus) {
				u.again = true // it was not the message that was refused
				u.spoil(p.op)
			} else {
				u.fail(p.op, err)
			}
			if err := u.base.Settled(ctx, p.intent); err != nil {
				return err
			}
			continue
		}
		if b.delta.Now.UIDValidity == 0 || plan.UIDValidity(done.UIDValidity) == b.delta.Now.UIDValidity {
			if p.uid, err = u.ownUID(ctx, b, done.UID, batch); err != nil {
				return err
			}
		}
	}
	if refused != nil {
		return u.refusedUpload(ctx, b, refused, why)
	}
	return nil
}

// ownUID gives the UID of an upload, or 0 where it is that of another message: some servers keep equal ones once. Two files
// must not share a message: who removes one of them would lose both.
func (u *uploads) ownUID(ctx context.Context, b *box, uid goimap.UID, batch []*upload) (goimap.UID, error) {
	if slices.ContainsFunc(batch, func(p *upload) bool { return p.uid == uid }) {
		return 0, nil
	}
	if b.delta.Now.UIDNext != 0 && uid >= b.delta.Now.UIDNext {
		return uid, nil
	}
	known, err := changes.Known(ctx, u.rows(b), uid)
	if known {
		uid = 0
	}
	return uid, err
}

// uploads opens one file after the other.
func (u *uploads) uploads(ctx context.Context, b *box, batch []*upload) iter.Seq[imap.Upload] {
	return func(yield func(imap.Upload) bool) {
		for _, p := range batch {
			f, err := u.open(ctx, b, p)
			switch {
			case errors.Is(err, fs.ErrNotExist): // renamed or removed by its user a moment ago: the next run sees
				u.spoil(p.op)
				continue
			case err != nil:
				u.fail(p.op, err)
				continue
			}
			p.sent = true
			u.step("append")
			more := yield(imap.Upload{Flags: changes.IMAPFlags(p.op.Pair.Remote), Date: p.message.Date, Size: p.message.Wire.Size, Body: maildir.NewWireReader(f)})
			f.Close()
			if !more {
				return
			}
		}
	}
}

// open opens a file that has the size it had when it was read: another size than announced would end the session.
func (u *uploads) open(ctx context.Context, b *box, p *upload) (*os.File, error) {
	f, info, err := maildir.Open(b.dir.Path(p.entry))
	if errors.Is(err, fs.ErrNotExist) {
		var ok bool
		if p.entry, ok, err = look.File(ctx, b.dir, p.op.Key); err == nil && !ok {
			err = fs.ErrNotExist
		}
		if err == nil {
			f, info, err = maildir.Open(b.dir.Path(p.entry))
		}
	}
	if err != nil {
		return nil, err
	}
	if info.Size() != p.disk {
		f.Close()
		return nil, errRewritten
	}
	return f, nil
}

// locate looks for what was appended and not located by the server.
func (u *uploads) locate(ctx context.Context, b *box, batch []*upload) error {
	var lost []*upload
	var wanted []*changes.Target
	taken := map[goimap.UID]bool{}
	for _, p := range batch {
		taken[p.uid] = true
		if p.sent && p.uid == 0 {
			lost = append(lost, p)
			wanted = append(wanted, &changes.Target{MessageID: p.message.Summary.MessageID, Header: p.message.Header})
		}
	}
	if len(lost) == 0 {
		return nil
	}
	from := lost[0].intent.UIDNext
	if err := u.reader.Find(ctx, b.server, u.rows(b), from, wanted, taken); err != nil {
		return err
	}
	for i, p := range lost {
		if p.uid = wanted[i].Found; p.uid == 0 {
			u.fail(p.op, errLost)
			if err := u.base.Fruitless(ctx, p.intent); err != nil {
				return err
			}
		}
	}
	return nil
}

// refusedUpload looks whether it is the mailbox that is read-only by now, which an APPEND does not tell: then the plan is to be
// made again with that known.
func (u *uploads) refusedUpload(ctx context.Context, b *box, p *upload, err error) error {
	u.reader.Forget()
	if err := u.opened(ctx, b); err != nil {
		return err
	}
	u.refuse(p.op, err)
	return nil
}
