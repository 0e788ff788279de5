package restore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/changes"
	"postie/maildir/source"
)

// gmail keeps a message once, in however many mailboxes and copies.
const gmail goimap.Cap = "X-GM-EXT-1"

func (r *run) merged(b *box, n int) {
	r.notice(b, fmt.Sprintf("the server keeps equal messages once: %d more copies are not there", n))
}

// flagless says which flags and keywords a mailbox does not keep.
func (r *run) flagless(b *box, ours []*source.Message) {
	count := map[string]int{}
	for _, m := range ours {
		for _, flag := range changes.IMAPFlags(m.Flags.Without(kept(m.Flags, b.keeps))) {
			count[string(flag)]++
		}
	}
	var lines []string
	for flag, n := range count {
		lines = append(lines, fmt.Sprintf("%s (%d messages)", flag, n))
	}
	if len(lines) > 0 {
		slices.Sort(lines)
		r.notice(b, "the server does not keep "+strings.Join(lines, ", ")+" there")
	}
}

// A server should keep the date of arrival that it is given, and need not (RFC 9051 section 6.3.12): Dovecot gives messages whose date is to
// come the time at which they are put there, others give it to all. When all mail is there they are asked, in two round trips, for
// the date of the oldest message that was put there, and in each mailbox for those to come. Where the oldest has another one, all are looked at.

// ahead is how far the clock of a server may be behind ours.
const ahead = time.Hour

// placed is a message that was put on the server.
type placed struct {
	uid   goimap.UID // 0: the server did not tell
	date  time.Time
	where string
}

// dates tells of the dates that the server did not keep. That it cannot be found out fails nothing.
func (r *run) dates(ctx context.Context) {
	sample, in := r.oldest()
	if in == "" {
		return
	}
	now, all := time.Now().Add(-ahead), false
	names := slices.Sorted(maps.Keys(r.put))
	at := slices.Index(names, in)
	names = slices.Insert(slices.Delete(names, at, at+1), 0, in)
	for _, name := range names {
		some := slices.DeleteFunc(slices.Clone(r.put[name]), func(p placed) bool {
			return !all && !p.date.After(now) && (name != in || p != sample)
		})
		lost, err := r.redated(ctx, name, some)
		if err == nil && !all && slices.ContainsFunc(lost, func(d Redated) bool { return d.UID == sample.uid && d.Where == sample.where }) {
			all = true
			lost, err = r.redated(ctx, name, r.put[name])
		}
		if err != nil {
			r.Log.Info("dates not looked at", "mailbox", name, "err", err)
			r.notice(&box{name: name}, fmt.Sprintf("whether the server kept the dates of arrival could not be found out: %v", err))
			return
		}
		r.report.Redated += len(lost)
		for _, d := range lost {
			r.emit(d)
		}
		if len(lost) > 0 {
			r.notice(&box{name: name}, fmt.Sprintf("the server did not keep the date of arrival of %d messages, such as that of %s, %s", len(lost), lost[0].Where, lost[0].Date.UTC().Format(time.DateTime)))
		}
	}
}

// oldest is the message that was put there whose date is the oldest, and its mailbox; "": there is none.
func (r *run) oldest() (sample placed, in string) {
	for _, name := range slices.Sorted(maps.Keys(r.put)) {
		for _, p := range r.put[name] {
			if in == "" || p.date.Before(sample.date) {
				sample, in = p, name
			}
		}
	}
	return sample, in
}

// redated finds the messages among some of a mailbox that have another date there. Where the server did not tell their UIDs, one that has the
// date is taken for the message.
func (r *run) redated(ctx context.Context, name string, some []placed) (lost []Redated, err error) {
	if len(some) == 0 {
		return nil, nil
	}
	set, whole := goimap.UIDSet{}, false
	for _, p := range some {
		if whole = whole || p.uid == 0; p.uid != 0 {
			set.AddNum(p.uid)
		}
	}
	if whole {
		set = changes.Every()
	}
	r.reader.Forget()
	if _, err := r.reader.Select(ctx, r.listed[name].Name, nil); err != nil {
		return nil, err
	}
	byUID, others := map[goimap.UID]time.Time{}, map[int64]int{}
	for m, err := range r.session.FetchSizes(ctx, set) {
		if err != nil {
			return nil, err
		}
		byUID[m.UID] = m.Date
		others[m.Date.Unix()]++
	}
	for _, p := range some {
		there, told := byUID[p.uid]
		switch {
		case p.uid == 0 && others[p.date.Unix()] > 0:
			others[p.date.Unix()]--
		case p.uid == 0, told && !there.IsZero() && there.Unix() != p.date.Unix(): // what was not told is not known
			lost = append(lost, Redated{name, p.uid, p.where, p.date, there})
		}
	}
	return lost, nil
}
