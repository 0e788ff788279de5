package restore

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/plan"
	"postie/maildir/message"
	"postie/maildir/source"
)

// nameless looks once more for messages without a Message-ID: a server that adds fields to what it takes (Proton's gluon, Exchange)
// changes both their size and their header, by which alone they are known. One is there if a message of its date, which is nothing else of
// ours, has all fields that it has. Without this it would be put there once more by each run.
func (r *run) nameless(ctx context.Context, b *box, d *decision) error {
	var candidates []plan.Message
	var set goimap.UIDSet
	for _, m := range b.messages {
		at := func(o *source.Message) bool { return o.MessageID == "" && o.Date.Equal(m.ID.Date) }
		if !d.there.Contains(m.UID) && slices.ContainsFunc(d.all(), at) {
			candidates = append(candidates, m)
			set.AddNum(m.UID)
		}
	}
	if len(candidates) == 0 {
		return nil
	}
	fields := map[goimap.UID][]string{}
	var header message.Header
	for m, err := range r.reader.Headers(ctx, set) {
		if _, missing := errors.AsType[*imap.MissingError](err); missing {
			continue
		}
		if err != nil {
			return err
		}
		header.Reset()
		if _, err := io.Copy(&header, m.Body); err != nil {
			return err
		}
		fields[m.UID] = unfolded(header.Bytes())
	}
	known := func(o *source.Message) bool {
		i := slices.IndexFunc(candidates, func(m plan.Message) bool {
			return o.MessageID == "" && o.Date.Equal(m.ID.Date) && holds(fields[m.UID], o)
		})
		if i < 0 {
			return false
		}
		d.there.AddNum(candidates[i].UID)
		d.alike++
		candidates = slices.Delete(candidates, i, i+1)
		return true
	}
	d.upload, d.copies = slices.DeleteFunc(d.upload, known), slices.DeleteFunc(d.copies, known)
	return nil
}

// holds says whether a header has all fields of one of our messages, and there are some.
func holds(theirs []string, m *source.Message) bool {
	r, err := m.Open()
	if err != nil {
		return false
	}
	defer r.Close()
	var header message.Header
	io.Copy(&header, io.LimitReader(r, message.MaxHeader)) // an error shows when it is sent
	ours := unfolded(header.Bytes())
	theirs = slices.Clone(theirs)
	for _, field := range ours {
		i := slices.Index(theirs, field)
		if i < 0 {
			return false
		}
		theirs = slices.Delete(theirs, i, i+1)
	}
	return len(ours) > 0
}

// unfolded are the fields of a header, each on one line.
func unfolded(header []byte) (fields []string) {
	for line := range strings.Lines(string(header)) {
		text := strings.TrimRight(line, "\r\n")
		if n := len(fields); n > 0 && text != "" && (text[0] == ' ' || text[0] == '\t') {
			fields[n-1] += " " + strings.TrimSpace(text)
		} else if text != "" {
			fields = append(fields, strings.TrimRight(text, " \t"))
		}
	}
	return fields
}
