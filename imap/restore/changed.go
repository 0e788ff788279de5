package restore

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/plan"
	"postie/maildir/message"
	"postie/maildir/source"
)

// changed looks once more for messages that the rules of identity did not find: a server that adds fields to what it takes (Proton's
// gluon, Exchange), or writes X for what is not ASCII in a header (Cyrus: munge8bit), changes the header, by which alone those
// are known that have no Message-ID, or one that others have too. One is there if a message of its Message-ID and date, which is nothing
// else of ours, has all fields that it has. Without this it would be put there once more by each run.
func (r *run) changed(ctx context.Context, b *box, d *decision) error {
	missing := map[arrival]bool{}
	for _, o := range d.all() {
		missing[arrivalOf(o.MessageID, o.Date)] = true
	}
	candidates := map[arrival][]plan.Message{}
	var set goimap.UIDSet
	for _, m := range b.messages {
		if at := arrivalOf(m.ID.MessageID, m.ID.Date); missing[at] && !d.there.Contains(m.UID) {
			candidates[at] = append(candidates[at], m)
			set.AddNum(m.UID)
		}
	}
	if len(candidates) == 0 {
		return nil
	}
	fields, err := r.fields(ctx, set)
	if err != nil {
		return err
	}
	known := func(o *source.Message) bool {
		at := arrivalOf(o.MessageID, o.Date)
		i := slices.IndexFunc(candidates[at], func(m plan.Message) bool { return holds(fields[m.UID], o) })
		if i < 0 {
			return false
		}
		d.there.AddNum(candidates[at][i].UID)
		d.alike++
		candidates[at] = slices.Delete(candidates[at], i, i+1)
		return true
	}
	d.upload, d.copies = slices.DeleteFunc(d.upload, known), slices.DeleteFunc(d.copies, known)
	return nil
}

// arrival is what a server keeps of a message whose header it changes: its Message-ID, which may be none, and its date in seconds.
type arrival struct {
	messageID string
	date      int64
}

func arrivalOf(messageID string, date time.Time) arrival { return arrival{messageID, date.Unix()} }

// fields are the fields of the headers of messages.
func (r *run) fields(ctx context.Context, set goimap.UIDSet) (map[goimap.UID][]string, error) {
	fields := map[goimap.UID][]string{}
	var header message.Header
	for m, err := range r.reader.Headers(ctx, set) {
		if _, missing := errors.AsType[*imap.MissingError](err); missing {
			continue
		}
		if err != nil {
			return nil, err
		}
		header.Reset()
		if _, err := io.Copy(&header, m.Body); err != nil {
			return nil, err
		}
		fields[m.UID] = unfolded(header.Bytes())
	}
	return fields, nil
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
		munged := ascii(field)
		i := slices.IndexFunc(theirs, func(f string) bool { return f == field || f == munged })
		if i < 0 {
			return false
		}
		theirs = slices.Delete(theirs, i, i+1)
	}
	return len(ours) > 0
}

// ascii is a field as Cyrus keeps it: an X for each octet that is not ASCII (imapd.conf(5), munge8bit, which is on by default).
func ascii(field string) string {
	out := []byte(field)
	for i, c := range out {
		if c > unicode.MaxASCII {
			out[i] = 'X'
		}
	}
	return string(out)
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
