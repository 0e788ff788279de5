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
	"postie/maildir/source"
)

// sending is the upload into one mailbox.
type sending struct {
	r       *run
	b       *box
	d       decision
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

func (r *run) sending(b *box, d decision) *sending {
	return &sending{r: r, b: b, d: d, uids: map[goimap.UID]bool{}}
}

// upload appends what is missing in a mailbox.
func (s *sending) upload(ctx context.Context) error {
	if err := s.flight(ctx, s.sure(s.d.upload)); err != nil {
		return err
	}
	return s.finish(ctx)
}

// finish sees to what is left when all was sent: messages that were refused for the way in which they were sent, those of
// which the server did not tell, and equal copies, of which one goes first: where the server keeps only one, the others are left.
func (s *sending) finish(ctx context.Context) error {
	if err := s.confirm(ctx, false); err != nil {
		return err
	}
	if len(s.again) > 0 { // what a server says that does not know LITERAL+ comes behind its refusal
		if err := s.r.session.Noop(ctx); err != nil {
			return err
		}
	}
	one := min(1, len(s.d.copies))
	for i, all := range [][]*source.Message{s.again, s.d.copies[:one], s.d.copies[one:]} {
		switch {
		case len(all) == 0:
			continue
		case s.stopped:
			s.left += len(all)
			continue
		case i == 2 && s.merged > 0:
			s.merged += len(all)
			continue
		}
		s.plainly = true
		if err := s.flight(ctx, s.sure(all)); err != nil {
			return err
		}
		if err := s.confirm(ctx, i == 1); err != nil {
			return err
		}
	}
	if s.left > 0 {
		s.r.failAll(s.b.name, fmt.Sprintf("%d messages", s.left), s.left, fmt.Errorf("%w: %w", errRefusing, s.last))
	}
	if s.merged > 0 {
		s.r.merged(s.b, s.merged)
	}
	return nil
}

// flight appends messages of one mailbox.
func (s *sending) flight(ctx context.Context, all []*source.Message) error {
	if len(all) == 0 {
		return nil
	}
	return s.r.flight(ctx, func(yield func(*sending, *source.Message) bool) {
		for _, m := range all {
			if !yield(s, m) {
				return
			}
		}
	})
}

// flight appends messages, of one mailbox or of many, without waiting for an answer before the next is sent.
func (r *run) flight(ctx context.Context, all iter.Seq2[*sending, *source.Message]) error {
	var sent []item // not yet answered
	uploads := func(yield func(imap.Upload) bool) {
		for s, m := range all {
			if s.stopped {
				s.left++
				continue
			}
			f, err := m.Open()
			if err != nil {
				r.fail(s.b.name, m.Where, err)
				continue
			}
			sent = append(sent, item{s, m})
			r.step("append")
			more := yield(imap.Upload{Mailbox: s.b.server, Joined: !s.plainly, Flags: changes.IMAPFlags(kept(m.Flags, s.b.keeps)), Date: m.Date, Size: m.Size, Body: f})
			f.Close()
			if !more {
				return
			}
		}
	}
	for done, err := range r.session.AppendAll(ctx, "", uploads) {
		if r.passes(err) {
			if err := r.putOff(sent[0], err); err != nil {
				return err
			}
			sent = sent[1:]
			continue
		}
		r.passing = 0
		if err != nil && !single(err) {
			r.unanswered = sent
			return err
		}
		sent[0].s.answered(sent[0].m, done, err)
		sent = sent[1:]
	}
	return nil
}

// together says whether a refusal may be for another reason than the message: because of one that went up with it, or of LITERAL+.
func (s *sending) together() bool {
	return s.r.session.Has(goimap.CapMultiAppend) || slices.Contains(s.r.session.Lost(), goimap.CapLiteralPlus)
}

// answered takes the answer to an upload.
func (s *sending) answered(m *source.Message, done imap.Appended, err error) {
	if err != nil && !s.plainly && s.together() {
		s.again = append(s.again, m)
		return
	}
	if err != nil && s.stopped && s.last.Error() == err.Error() { // it was on its way already
		s.left++
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
	if !s.stopped {
		s.refused, s.last = 0, nil
	}
	s.taken++
	s.r.taken++
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
func (s *sending) confirm(ctx context.Context, copied bool) error {
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
		if lost, err = s.find(ctx, blind); err != nil {
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
func (s *sending) find(ctx context.Context, blind []*source.Message) (lost map[*source.Message]bool, err error) {
	taken := s.uids
	for uid := range imap.UIDs(s.d.there) { // not more than ours
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
