package changes

import (
	"cmp"
	"context"
	"errors"
	"iter"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
)

// maxRefusals is how many refusals of one fetch are borne: with so many sick messages it is the server that is sick.
const maxRefusals = 128

// fetchInHalves asks for messages as long as some of them may yet come: some servers give what
// lies before it, or nothing, and refuse the command. What did not come is asked for again, in halves, until only such
// messages are left. They, and those that are gone, are named in a *imap.MissingError each. there tells which messages there are: of those
// among them the server said OK and nothing else.
func fetchInHalves(set goimap.UIDSet, there func() (goimap.UIDSet, error), fetch func(goimap.UIDSet) iter.Seq2[imap.Message, error]) iter.Seq2[imap.Message, error] {
	return func(yield func(imap.Message, error) bool) {
		var gone, sick imap.MissingError
		refusals := 0
		for parts := []goimap.UIDSet{set}; len(parts) > 0; {
			part := parts[0]
			parts = parts[1:]
			came := 0
			for m, err := range fetch(part) {
				missing, ok := errors.AsType[*imap.MissingError](err)
				switch {
				case !ok:
					if came++; !yield(m, err) || err != nil {
						return
					}
				case missing.Err == nil:
					gone.UIDs.AddSet(missing.UIDs)
				case again(missing, refusals):
					refusals++
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
	return ok && !(refused.Temporary() && refused.Code != "SERVERBUG") && !missing.UIDs.Dynamic() && Count(missing.UIDs) > 1 && refusals < maxRefusals
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
