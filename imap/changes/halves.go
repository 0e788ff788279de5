package changes

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"math/bits"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
)

// maxRefusals is how many refusals of one fetch are borne: with so many sick messages it is the server that is sick.
const maxRefusals = 128

// maxInVain is how many refusals in a row are borne that may be about all messages, as [UNAVAILABLE], beyond those that it takes to
// find one among so many.
const maxInVain = 2

// fetchInHalves asks for messages as long as some of them may yet come: some servers give what
// lies before it, or nothing, and refuse the command. What did not come is asked for again, in halves, until only such
// messages are left. They, and those that are gone, are named in a *imap.MissingError each. there tells which messages there are: of those
// among them the server said OK and nothing else.
func fetchInHalves(set goimap.UIDSet, there func() (goimap.UIDSet, error), fetch func(goimap.UIDSet) iter.Seq2[imap.Message, error]) iter.Seq2[imap.Message, error] {
	return func(yield func(imap.Message, error) bool) {
		var gone, sick imap.MissingError
		refusals, inVain := 0, 0
		for parts := []goimap.UIDSet{set}; len(parts) > 0; {
			part := parts[0]
			parts = parts[1:]
			came := 0
			for m, err := range fetch(part) {
				missing, ok := errors.AsType[*imap.MissingError](err)
				switch {
				case !ok:
					if came, inVain = came+1, 0; !yield(m, err) || err != nil {
						return
					}
				case missing.Err == nil:
					gone.UIDs.AddSet(missing.UIDs)
				case again(missing, refusals) && (!passing(missing.Err) || inVain < bits.Len(uint(Count(set)))+maxInVain):
					refusals, inVain = refusals+1, inVain+1
					parts = append(halves(missing.UIDs, came > 0), parts...)
				default:
					sick.UIDs.AddSet(missing.UIDs)
					sick.Err = missing.Err
				}
			}
		}
		if len(gone.UIDs) > 0 {
			all, err := there()
			if err != nil {
				yield(imap.Message{}, err)
				return
			}
			if untold := Common(gone.UIDs, all); len(untold) > 0 {
				gone.UIDs = Less(gone.UIDs, untold)
				sick.UIDs.AddSet(untold)
				sick.Err = cmp.Or(sick.Err, error(ErrUntold))
			}
		}
		for _, missing := range []*imap.MissingError{&gone, &sick} {
			if len(missing.UIDs) > 0 && !yield(imap.Message{}, missing) {
				return
			}
		}
	}
}

// FetchInHalves is a fetch in the selected mailbox that does not let one message that the server cannot give keep the others back. Those that
// it cannot give, and those that are gone (no Err), are named in a *imap.MissingError each.
func (r *Reader) FetchInHalves(ctx context.Context, set goimap.UIDSet, fetch func(goimap.UIDSet) iter.Seq2[imap.Message, error]) iter.Seq2[imap.Message, error] {
	return fetchInHalves(set, func() (goimap.UIDSet, error) { return r.session.SearchAll(ctx) }, fetch)
}

// Headers is FetchInHalves of headers, or of fields of them.
func (r *Reader) Headers(ctx context.Context, set goimap.UIDSet, fields ...string) iter.Seq2[imap.Message, error] {
	return r.FetchInHalves(ctx, set, func(part goimap.UIDSet) iter.Seq2[imap.Message, error] {
		return r.session.FetchHeaders(ctx, part, fields...)
	})
}

// again says whether asking once more may bring some of the messages: not where the server is only out of breath.
func again(missing *imap.MissingError, refusals int) bool {
	refused, ok := errors.AsType[*imap.Error](missing.Err)
	return ok && refused.Code != "LIMIT" && !missing.UIDs.Dynamic() && Count(missing.UIDs) > 1 && refusals < maxRefusals
}

// passing says whether the server gives a reason that may hold for all messages, and for a while.
func passing(err error) bool {
	refused, ok := errors.AsType[*imap.Error](err)
	return ok && refused.Temporary() && refused.Code != "SERVERBUG"
}

// partly is a fetch without bodies that names, where it is refused, the messages of which nothing came.
func partly(fetch func(goimap.UIDSet) iter.Seq2[imap.Message, error]) func(goimap.UIDSet) iter.Seq2[imap.Message, error] {
	return func(set goimap.UIDSet) iter.Seq2[imap.Message, error] {
		return func(yield func(imap.Message, error) bool) {
			var came goimap.UIDSet
			for m, err := range fetch(set) {
				if missing := Less(set, came); refusal(err) && len(missing) > 0 {
					err = &imap.MissingError{UIDs: missing, Err: err}
				}
				if m.UID != 0 {
					came.AddNum(m.UID)
				}
				if !yield(m, err) {
					return
				}
			}
		}
	}
}

// refusal says whether the server refused to answer, and the session goes on.
func refusal(err error) bool {
	refused, ok := errors.AsType[*imap.Error](err)
	return ok && refused.Status == "NO"
}

// restInHalves asks for what did not come of a set, after the command for all of it was refused.
func (r *Reader) restInHalves(ctx context.Context, set, came goimap.UIDSet, fetch func(goimap.UIDSet) iter.Seq2[imap.Message, error]) iter.Seq2[imap.Message, error] {
	return func(yield func(imap.Message, error) bool) {
		if set.Dynamic() {
			var err error
			if set, err = r.session.SearchAll(ctx); err != nil {
				yield(imap.Message{}, err)
				return
			}
		}
		if rest := Less(set, came); len(rest) > 0 {
			r.FetchInHalves(ctx, rest, partly(fetch))(yield)
		}
	}
}

// flags are the flags of all messages. One of which the server cannot tell them is given without.
func (r *Reader) flags(ctx context.Context) iter.Seq2[imap.Message, error] {
	fetch := func(set goimap.UIDSet) iter.Seq2[imap.Message, error] { return r.session.FetchFlags(ctx, set, 0, nil) }
	return func(yield func(imap.Message, error) bool) {
		var came goimap.UIDSet
		var refused error
		some := false
		for m, err := range fetch(Every()) {
			if refusal(err) {
				refused = err
				break
			}
			if m.UID != 0 {
				came.AddNum(m.UID)
				some = true
			}
			if !yield(m, err) || err != nil {
				return
			}
		}
		if refused == nil {
			return
		}
		for m, err := range r.restInHalves(ctx, Every(), came, fetch) {
			missing, ok := errors.AsType[*imap.MissingError](err)
			switch {
			case !ok:
				if some = true; !yield(m, err) || err != nil {
					return
				}
			case missing.Err != nil && !some:
				yield(m, refused) // it is the mailbox
				return
			case missing.Err != nil:
				for uid := range imap.UIDs(missing.UIDs) {
					if !yield(imap.Message{UID: uid}, nil) {
						return
					}
				}
			}
		}
	}
}

// halves cuts a set in two. Where the last command brought some messages, the sick one is likely to be the first of the rest.
func halves(set goimap.UIDSet, some bool) []goimap.UIDSet {
	at := Count(set) / 2
	if some {
		at = 1
	}
	first, rest := Cut(set, at)
	return []goimap.UIDSet{first, rest}
}
