package restore

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/changes"
	"postie/imap/naming"
	"postie/maildir/source"
)

// make makes a mailbox where it is missing, and subscribes to it, since many programs show nothing else. Then it is seen what it keeps.
func (r *run) make(ctx context.Context, b *box, m Mailbox, ours []*source.Message) error {
	if !b.there {
		r.step("create " + b.name)
		if err := r.session.Create(ctx, b.server); err != nil {
			return err
		}
		r.report.Created++
		r.emit(Created{b.name})
	}
	if !b.there || m.Subscribe && !r.listed[b.name].Subscribed && b.name != naming.Inbox {
		r.step("subscribe " + b.name)
		if err := r.session.Subscribe(ctx, b.server); err != nil {
			if !single(err) {
				return err
			}
			r.notice(b, fmt.Sprintf("it could not be subscribed to: %v", err))
		}
	}
	if b.there {
		return nil
	}
	b.there = true
	s, err := r.reader.Select(ctx, b.server, nil)
	if err == nil {
		b.state = changes.StateOf(s)
		b.keeps = b.state.PermanentFlags
		r.flagless(b, ours)
	}
	return err
}

// sending is an upload under way.
type sending struct {
	r       *run
	b       *box
	sent    []*source.Message // not yet answered
	blind   []*source.Message // taken, and the server did not tell where they are
	uids    map[goimap.UID]bool
	taken   int // by the server
	merged  int
	refused int   // one after the other
	last    error // the last of these
	stopped bool
	left    int
	plainly bool
	again   []*source.Message // refused for the way in which they were sent
}

// mostRefused is how many messages may be refused one after the other, for the same reason, before the rest is left.
const mostRefused = 32

// upload appends what is missing, in one flight. Of equal copies one goes first: where the server keeps only one, the others are left.
func (r *run) upload(ctx context.Context, b *box, d decision) error {
	s := &sending{r: r, b: b, uids: map[goimap.UID]bool{}}
	for i, all := range [][]*source.Message{d.upload, d.copies[:min(1, len(d.copies))], d.copies[min(1, len(d.copies)):]} {
		if len(all) == 0 || s.stopped {
			s.left += len(all)
			continue
		}
		if i == 2 && s.merged > 0 {
			s.merged += len(all)
			continue
		}
		if err := s.send(ctx, all); err != nil {
			return err
		}
		if err := s.confirm(ctx, d, i == 1); err != nil {
			return err
		}
	}
	if s.left > 0 {
		r.report.Failed += s.left - 1
		r.fail(b.name, fmt.Sprintf("%d messages", s.left), fmt.Errorf("%w: %w", errRefusing, s.last))
	}
	if s.merged > 0 {
		r.merged(b, s.merged)
	}
	return nil
}

// send appends messages, once more those that were refused for the way in which they were sent (LITERAL+).
func (s *sending) send(ctx context.Context, all []*source.Message) error {
	err := s.flight(ctx, all)
	if s.plainly = len(s.again) > 0; err == nil && s.plainly {
		err = s.flight(ctx, s.again)
	}
	s.again = nil
	return err
}

func (s *sending) flight(ctx context.Context, all []*source.Message) error {
	for done, err := range s.r.session.AppendAll(ctx, s.b.server, s.uploads(all)) {
		if err != nil && !single(err) {
			return err
		}
		s.answered(done, err)
	}
	return nil
}

// uploads opens one message after the other.
func (s *sending) uploads(all []*source.Message) iter.Seq[imap.Upload] {
	return func(yield func(imap.Upload) bool) {
		for i, m := range all {
			if s.stopped {
				s.left = len(all) - i
				return
			}
			f, err := m.Open()
			if err != nil {
				s.r.fail(s.b.name, m.Where, err)
				continue
			}
			s.sent = append(s.sent, m)
			s.r.step("append")
			more := yield(imap.Upload{Flags: changes.IMAPFlags(kept(m.Flags, s.b.keeps)), Date: m.Date, Size: m.Size, Body: f})
			f.Close()
			if !more {
				return
			}
		}
	}
}

// answered takes the answer to the oldest upload.
func (s *sending) answered(done imap.Appended, err error) {
	m := s.sent[0]
	s.sent = s.sent[1:]
	if err != nil && !s.plainly && slices.Contains(s.r.session.Lost(), goimap.CapLiteralPlus) {
		s.again = append(s.again, m)
		return
	}
	if err != nil {
		s.r.fail(s.b.name, m.Where, err)
		if s.last != nil && s.last.Error() == err.Error() {
			s.refused++
		} else {
			s.refused = 1
		}
		s.last, s.stopped = err, s.refused >= mostRefused
		return
	}
	s.refused, s.last = 0, nil
	s.taken++
	known := done.UID != 0 && (s.b.state.UIDValidity == 0 || done.UIDValidity == uint32(s.b.state.UIDValidity))
	switch {
	case !known:
		s.blind = append(s.blind, m)
		return
	case s.uids[done.UID], s.b.state.UIDNext != 0 && done.UID < s.b.state.UIDNext: // it is another message's
		s.merged++
		return
	}
	s.uids[done.UID] = true
	s.r.done(Uploaded{s.b.name, done.UID, m})
}

// confirm looks for messages of which the server did not say where they are: as many have come as it took, or it is found out which have
// not. Of a single copy that is known by the number alone.
func (s *sending) confirm(ctx context.Context, d decision, copied bool) error {
	blind := s.blind
	if s.blind = nil; len(blind) == 0 {
		return nil
	}
	s.r.reader.Forget()
	now, err := s.r.reader.Select(ctx, s.b.server, nil)
	if err != nil {
		return err
	}
	lost := map[*source.Message]bool{}
	if lacking := int64(s.b.state.Messages) + int64(s.taken-s.merged) - int64(now.Exists); lacking > 0 && copied {
		s.merged++
		return nil
	} else if lacking > 0 {
		if lost, err = s.find(ctx, d, blind); err != nil {
			return err
		}
	}
	for _, m := range blind {
		if !lost[m] {
			s.r.done(Uploaded{s.b.name, 0, m})
		}
	}
	return nil
}

// find looks for messages by who they are, and tells of those that are not there.
func (s *sending) find(ctx context.Context, d decision, blind []*source.Message) (lost map[*source.Message]bool, err error) {
	taken := s.uids
	for uid := range imap.UIDs(d.there) { // not more than ours
		taken[uid] = true
	}
	wanted := make([]*changes.Target, len(blind))
	for i, m := range blind {
		wanted[i] = &changes.Target{MessageID: m.MessageID, Header: m.Header}
	}
	if err := s.r.reader.Find(ctx, s.b.server, unknown{}, s.b.state.UIDNext, wanted, taken); err != nil {
		return nil, err
	}
	lost = map[*source.Message]bool{}
	for i, m := range blind {
		if wanted[i].Found == 0 {
			lost[m] = true
			s.r.fail(s.b.name, m.Where, errLost)
		}
	}
	return lost, nil
}

// flag adds flags to messages that lack them.
func (r *run) flag(ctx context.Context, b *box, all []change) error {
	for _, c := range all {
		if _, err := r.reader.Select(ctx, b.server, nil); err != nil {
			return err
		}
		r.step("store")
		_, err := r.session.Store(ctx, c.set, goimap.StoreFlagsAdd, changes.IMAPFlags(c.add), 0)
		if err != nil {
			if !single(err) {
				return err
			}
			r.fail(b.name, "UID "+c.set.String(), fmt.Errorf("add %s: %w", join(changes.IMAPFlags(c.add)), err))
			continue
		}
		r.report.Flags += changes.Count(c.set)
		r.emit(Flagged{b.name, c.set, c.add})
	}
	return nil
}

func join(flags []goimap.Flag) string {
	var words []string
	for _, f := range flags {
		words = append(words, string(f))
	}
	return strings.Join(words, " ")
}
