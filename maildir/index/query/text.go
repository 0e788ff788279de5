package query

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/message"
)

// TextOptions go with IndexText. The zero value indexes headers only.
type TextOptions struct {
	Bodies   bool                  // also what messages say, and the names of their files
	MaxSize  int64                 // with Bodies: leave larger messages to a later call; octets, 0: any
	Anew     bool                  // read every message again, summaries too
	Progress func(done, total int) // messages; nil: nobody asks
}

const (
	textChunk = 256             // messages that are asked for at once
	textBatch = 2048            // messages in one transaction at most
	textBytes = 4 << 20         // of text in one transaction, or little more
	textLimit = message.MaxText // of one message: what show shows is found
)

// Levels of message.indexed. Without a body here textAll is reached with the header.
const (
	textHeader = 1 // the body is to follow
	textAll    = 2
	textSlim   = 3 // the header: bodies were not wanted
)

// Unindexed says how many messages full text does not know yet, or not in full. It counts no further than most; below 0: all.
func Unindexed(ctx context.Context, s *index.Store, most int) (int, error) {
	n, err := index.Rows(ctx, s, index.Number, "SELECT count(*) FROM (SELECT 1 FROM message INDEXED BY message_unindexed WHERE indexed < 2 LIMIT ?)", most)
	if err != nil {
		return 0, verb("read index", err)
	}
	return int(n[0]), nil
}

// UnindexedMessages lists those that Unindexed counts: after IndexText with bodies they are those that it could not read.
func UnindexedMessages(ctx context.Context, s *index.Store) ([]index.Message, error) {
	ms, err := s.Select(ctx, "INDEXED BY message_unindexed", "m.indexed < 2 ORDER BY m.id")
	return ms, verb("read index", err)
}

// Readable says why the file of a message cannot be read; nil: it can.
func Readable(s *index.Store, m index.Message) error {
	f, _, err := maildir.Open(s.Path(m))
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(io.Discard, f)
	return err
}

// IndexText makes full text know what it does not know yet: of many messages first all headers, which is quick. Each
// transaction is short; stopped by its context it keeps what it did. Others may do the same at the same time.
func IndexText(ctx context.Context, s *index.Store, o TextOptions) error {
	x := &texting{s: s, o: o}
	err := x.run(ctx)
	return verb("index text", err)
}

// texting is one IndexText at work.
type texting struct {
	s           *index.Store
	o           TextOptions
	done, total int
	header      message.Header
}

// row is what full text is told of a message.
type row struct {
	id    int64
	key   string // of the file it was read from
	level int
	text  [6]string        // the columns of the table text
	sum   *message.Summary // nil: as it was
	also  *message.Summary // what the table detail is to be told; nil: nothing

	attached any // whether something is; nil: not known
}

func (x *texting) run(ctx context.Context) error {
	if x.o.Anew {
		if err := forgetText(ctx, x.s); err != nil {
			return err
		}
	}
	if err := wantBodies(ctx, x.s, x.o.Bodies); err != nil {
		return err
	}
	todo, err := Unindexed(ctx, x.s, -1)
	if err != nil || todo == 0 {
		return err
	}
	x.total = todo
	if !x.o.Bodies && !x.o.Anew {
		if err := x.pass(ctx, "m.indexed = 0", x.heading); err != nil {
			return err
		}
		return x.s.Write(ctx, func(tx *sql.Tx) error { // headers of runs that wanted bodies: enough is known
			_, err := tx.Exec("UPDATE message INDEXED BY message_unindexed SET indexed = 3 WHERE indexed < 2 AND indexed = 1")
			return err
		})
	}
	where := "TRUE"
	if x.o.MaxSize > 0 {
		where = fmt.Sprint("m.size <= ", x.o.MaxSize)
	}
	return x.pass(ctx, where, x.read)
}

// wantBodies has those bodies read that were not wanted before, if they are now.
func wantBodies(ctx context.Context, s *index.Store, wanted bool) error {
	for n := int64(1); wanted && n > 0; {
		slim, err := index.Rows(ctx, s, index.Number, "SELECT 1 FROM message INDEXED BY message_slim WHERE indexed = 3 LIMIT 1")
		if err != nil || len(slim) == 0 {
			return err
		}
		if err := s.Write(ctx, func(tx *sql.Tx) error {
			r, err := tx.Exec("UPDATE message SET indexed = 1 WHERE id IN (SELECT id FROM message INDEXED BY message_slim WHERE indexed = 3 LIMIT 10000)")
			if err == nil {
				n, err = r.RowsAffected()
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// forgetText empties the full text and has every folder scanned again.
func forgetText(ctx context.Context, s *index.Store) error {
	return s.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec("UPDATE message SET indexed = 0 WHERE indexed > 0; UPDATE mailbox SET stamp = ''; INSERT INTO text (text) VALUES ('delete-all')")
		return err
	})
}

// batch is what one transaction writes.
type batch struct {
	rows []row
	seen int // messages that were looked at for it
	err  error
}

// pass goes through the messages that are not indexed in full and for which the condition holds. The next batch is read while one
// is written.
func (x *texting) pass(ctx context.Context, where string, do func(*index.Message) (row, bool)) error {
	reading, stop := context.WithCancel(ctx)
	batches := make(chan batch)
	go func() {
		defer close(batches)
		x.batches(reading, where, do, batches)
	}()
	defer func() {
		stop()
		for range batches { // until the reader has noticed
		}
	}()
	for b := range batches {
		if err := cmp.Or(b.err, ctx.Err()); err != nil {
			return err
		}
		if err := x.put(ctx, b.rows); err != nil {
			return err
		}
		if x.done += b.seen; x.o.Progress != nil {
			x.o.Progress(min(x.done, x.total), x.total)
		}
	}
	return ctx.Err()
}

// batches reads what pass writes.
func (x *texting) batches(ctx context.Context, where string, do func(*index.Message) (row, bool), out chan<- batch) {
	where = "m.indexed < 2 AND m.id > ? AND " + where + " ORDER BY m.id LIMIT ?"
	var b batch
	size, last := 0, int64(0)
	send := func() bool {
		select {
		case out <- b:
			b, size = batch{}, 0
			return true
		case <-ctx.Done():
			return false
		}
	}
	for {
		ms, err := x.s.Select(ctx, "INDEXED BY message_unindexed", where, last, textChunk)
		if err == nil {
			err = withDetails(ctx, x.s, ms)
		}
		if b.err = err; err != nil || len(ms) == 0 {
			send()
			return
		}
		for i := range ms {
			if ctx.Err() != nil {
				return
			}
			if r, ok := do(&ms[i]); ok {
				b.rows = append(b.rows, r)
				size += len(r.text[4])
			}
			if b.seen++; (size > textBytes || b.seen == textBatch) && !send() {
				return
			}
		}
		last = ms[len(ms)-1].ID
	}
}

// heading is what the summary tells.
func (x *texting) heading(m *index.Message) (row, bool) {
	r := row{id: m.ID, key: string(m.Entry.Key), level: textHeader}
	switch {
	case r.key == "":
		r.level = textAll
	case !x.o.Bodies:
		r.level = textSlim
	}
	r.summary(&m.Summary)
	return r, true
}

func (r *row) summary(sum *message.Summary) {
	r.text[0], r.text[1], r.text[2], r.text[3] = normal(sum.Subject), normal(sum.From), normal(sum.To), normal(sum.Cc)
}

// read is what the file tells. One that is gone waits for Refresh, one that cannot be read for the next time.
func (x *texting) read(m *index.Message) (row, bool) {
	r, _ := x.heading(m)
	r.level = max(r.level, textAll)
	if r.key == "" {
		return r, true
	}
	f, _, err := maildir.Open(x.s.Path(*m))
	if err != nil {
		return r, x.unreadable(m, err)
	}
	defer f.Close()
	x.header.Reset()
	in := io.TeeReader(f, &x.header)
	if !x.o.Bodies {
		in = io.LimitReader(in, 2*message.MaxHeader)
	}
	w, err := message.Index(in, textLimit)
	if err != nil {
		return r, x.unreadable(m, err)
	}
	if sum := message.Summarize(x.header.Bytes()); x.o.Anew {
		r.summary(&sum)
		r.sum, r.also = &sum, &sum
	} else if sum.Cc != m.Summary.Cc || sum.References != m.Summary.References { // the database was made before they were kept
		r.text[3], r.also = normal(sum.Cc), &sum
	}
	if x.o.Bodies {
		r.text[4], r.text[5], r.attached = normal(w.Text), normal(w.Names), w.Attachment
	}
	if x.o.Bodies && w.Attachment {
		r.text[5] += " " + attachmentMark
	}
	return r, true
}

// unreadable is false.
func (x *texting) unreadable(m *index.Message, err error) bool {
	if !errors.Is(err, fs.ErrNotExist) {
		x.s.Log().Warn("message cannot be read", "path", x.s.Path(*m), "err", err)
	}
	return false
}

// put writes rows, but for those whose message changed meanwhile.
func (x *texting) put(ctx context.Context, rows []row) error {
	if len(rows) == 0 {
		return nil
	}
	return x.s.Write(ctx, func(tx *sql.Tx) error {
		still, err := tx.Prepare("UPDATE message SET indexed = ?1, attached = coalesce(?4, attached) WHERE id = ?2 AND key = ?3 AND indexed < ?1")
		if err != nil {
			return err
		}
		defer still.Close()
		into, err := tx.Prepare("INSERT OR REPLACE INTO text (rowid, subject, sender, recipients, cc, body, attachments) VALUES (?, ?, ?, ?, ?, ?, ?)")
		if err != nil {
			return err
		}
		defer into.Close()
		for _, r := range rows {
			done, err := still.Exec(r.level, r.id, r.key, r.attached)
			if err != nil {
				return err
			}
			if n, _ := done.RowsAffected(); n == 0 {
				continue
			}
			if _, err := into.Exec(r.id, r.text[0], r.text[1], r.text[2], r.text[3], r.text[4], r.text[5]); err != nil {
				return err
			}
			if err := resummarize(tx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// resummarize writes a summary that was read again.
func resummarize(tx *sql.Tx, r row) error {
	if r.also != nil {
		if _, err := tx.Exec("INSERT OR REPLACE INTO detail (message, refs, cc) VALUES (?, ?, ?)", r.id, r.also.References, r.also.Cc); err != nil {
			return err
		}
	}
	if r.sum == nil {
		return nil
	}
	written := sql.NullInt64{Int64: r.sum.Date.UnixMilli(), Valid: !r.sum.Date.IsZero()}
	_, err := tx.Exec("UPDATE message SET sender = ?, recipients = ?, subject = ?, message_id = ?, written = ? WHERE id = ?",
		r.sum.From, r.sum.To, r.sum.Subject, r.sum.MessageID, written, r.id)
	return err
}
