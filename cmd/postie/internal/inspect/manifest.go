package inspect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/library"
	"postie/cmd/postie/internal/ui"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/look"
	"postie/maildir/manifest"
	"postie/maildir/verify"
)

// pageSize is how many messages are read from the index at once.
const pageSize = 1024

// gathered is all that is here, a line for each message.
type gathered struct {
	manifest.Sorter
	bodyless, missing int
	counts            verify.Counts
}

// gather reads every file.
func gather(ctx context.Context, s *library.Shelf, came func(octets int64)) (g *gathered, err error) {
	g = &gathered{}
	for last := int64(0); ; {
		ms, err := s.Index.Select(ctx, "", "m.id > ? ORDER BY m.id LIMIT ?", last, pageSize)
		if err != nil || len(ms) == 0 {
			return g, err
		}
		for _, m := range ms {
			last = m.ID
			if m.Entry.Name == "" {
				g.bodyless++
				continue
			}
			w, err := wire(ctx, s.Index, m)
			switch {
			case ctx.Err() != nil:
				return g, context.Cause(ctx)
			case errors.Is(err, fs.ErrNotExist):
				g.missing++
				continue
			case err != nil:
				return g, err
			}
			g.counts.Messages, g.counts.Files, g.counts.Octets = g.counts.Messages+1, g.counts.Files+1, g.counts.Octets+w.Size
			came(w.Size)
			if err := g.Add(manifest.Entry{Wire: w, Flags: m.Flags, Mailbox: m.Mailbox, MessageID: m.Summary.MessageID}.String()); err != nil {
				return g, err
			}
		}
	}
}

// wire reads the file of a message, which another program may be renaming.
func wire(ctx context.Context, s *index.Store, m index.Message) (maildir.Wire, error) {
	w, err := maildir.WireAt(s.Path(m))
	if !errors.Is(err, fs.ErrNotExist) {
		return w, err
	}
	e, ok, lookErr := look.File(ctx, s.DirOf(m), m.Entry.Key)
	if lookErr != nil || !ok {
		return w, errors.Join(err, lookErr)
	}
	return maildir.WireAt(s.DirOf(m).Path(e))
}

// one is the only shelf of a library.
func one(l *library.Library) (*library.Shelf, error) {
	if len(l.Shelves) > 1 {
		return nil, exit.Usage(errors.New("of which account?"), "a manifest is of one Maildir: name the account")
	}
	return l.Shelves[0], nil
}

// Manifest writes down what mail is here. after is the path of the manifest before; "": there is none.
func Manifest(ctx context.Context, l *library.Library, after string) (err error) {
	s, err := one(l)
	if err != nil {
		return err
	}
	var header manifest.Header
	if after != "" {
		if header.After, err = hashOf(after); err != nil {
			return err
		}
	}
	name := strings.Join(s.Names(), "+")
	task := l.UI.Task(name)
	task.Phase("reading", ui.Amount{})
	g, err := gather(ctx, s, func(n int64) { task.Add(ui.Amount{Messages: 1, Bytes: n}) })
	task.Done()
	defer g.Close()
	if err != nil {
		return err
	}
	out := l.UI.Raw()
	if err := manifest.Write(out, header, g.All()); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	g.tell(l, name)
	if g.missing > 0 {
		return exit.Reported(exit.Partial)
	}
	return nil
}

// tell says what is not in a manifest.
func (g *gathered) tell(l *library.Library, name string) {
	if g.bodyless > 0 {
		l.UI.Warn(name, ui.Count(g.bodyless, "message")+" without a body here left out")
	}
	if g.missing > 0 {
		l.UI.Error(ui.Failure{Account: name, Err: fmt.Errorf("%s left out, whose files are gone", ui.Count(g.missing, "message")), Hint: "postie verify --local names them", Exit: exit.Partial})
	}
}

// open opens a manifest, which "-" takes from standard input.
func open(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(os.Stdin), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, exit.Usage(err, "")
	}
	return f, nil
}

// hashOf is the hash of a whole manifest.
func hashOf(path string) (sum [32]byte, err error) {
	f, err := open(path)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	if sum, err = manifest.Hash(f); err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return sum, err
}

// Against compares what is here with a manifest. after is the path of the manifest that has to come before it; "": any may.
func Against(ctx context.Context, l *library.Library, path, after string) (err error) {
	s, err := one(l)
	if err != nil {
		return err
	}
	f, err := open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	then, err := manifest.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if after != "" {
		before, err := hashOf(after)
		if err != nil {
			return err
		}
		if then.Header.After != before {
			return fmt.Errorf("%s does not follow %s: it names another manifest before it, or one of the two was changed", path, after)
		}
	}
	t := &telling{ui: l.UI, name: strings.Join(s.Names(), "+"), account: s.Accounts[0], store: s.Store, form: "manifest", began: time.Now()}
	task := l.UI.Task(t.name)
	task.Phase("reading", ui.Amount{})
	g, err := gather(ctx, s, func(n int64) { task.Add(ui.Amount{Messages: 1, Bytes: n}) })
	task.Done()
	defer g.Close()
	if err == nil {
		err = g.compare(t, then, path)
	}
	return reported(t.conclude(g.counts, 0, exit.Cause(ctx, err)))
}

// compare tells what became of the messages of a manifest.
func (g *gathered) compare(t *telling, then *manifest.Reader, path string) error {
	teller := &verify.Teller{Counts: g.counts, To: t.tell}
	var counts manifest.Counts
	for c, err := range manifest.Compare(then.All(), g.All, &counts) {
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		d := verify.Difference{Mailbox: c.Was.Mailbox}
		d.Message.Summary.MessageID = c.Was.MessageID
		switch c.Kind {
		case manifest.Gone:
			d.Kind, d.Detail = verify.Missing, fmt.Sprintf("%s was here (%d octets, SHA-256 %x) and is not any more", named(c.Was), c.Was.Wire.Size, c.Was.Wire.Hash)
		case manifest.Changed:
			d.Kind, d.Detail = verify.OtherOctets, fmt.Sprintf("%s had %d octets (SHA-256 %x) and has %d others", named(c.Was), c.Was.Wire.Size, c.Was.Wire.Hash, c.Is.Wire.Size)
		case manifest.Moved:
			d.Kind, d.Detail = verify.Moved, fmt.Sprintf("%s is in %s now", named(c.Was), c.Is.Mailbox)
		case manifest.Flags:
			d.Kind, d.Detail = verify.Flagged, fmt.Sprintf("%s had the flags [%s %s] and has [%s %s]", named(c.Was), c.Was.Flags.Set, c.Was.Flags.Keywords, c.Is.Flags.Set, c.Is.Flags.Keywords)
		}
		if err := teller.Tell(d); err != nil {
			return err
		}
	}
	g.counts = teller.Counts
	g.counts.Bodyless = g.bodyless
	return nil
}

func named(e manifest.Entry) string {
	if e.MessageID == "" {
		return "a message without a Message-ID"
	}
	return "<" + e.MessageID + ">"
}

// reported is the error of an exit code that was told.
func reported(code int) error {
	if code == exit.OK {
		return nil
	}
	return exit.Reported(code)
}
