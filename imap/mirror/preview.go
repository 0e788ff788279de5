package mirror

import (
	"context"
	"io"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/message"
)

// mostSubjects is of how many newcomers a dry run asks the subject, so that people know them.
const mostSubjects = 1000

// preview reports a plan as if it had been carried out, with what is known of the messages that it is about.
func (r *run) preview(ctx context.Context, p plan.Plan) error {
	p.Ops = r.withoutBreakers(p.Ops)
	r.report.Plan, r.report.Totals = p, plan.Totals{}
	for _, op := range p.Ops {
		r.report.Add(op, r.Policy)
	}
	known, err := r.summaries(ctx, p.Ops)
	if err != nil {
		return err
	}
	if err := r.subjects(ctx, p.Ops, known); err != nil {
		return err
	}
	r.report.About = make([]index.Message, len(p.Ops))
	for i, op := range p.Ops {
		switch m, ok := known[messageOf(op)]; {
		case ok:
			r.report.About[i] = m
		default:
			if b := r.byName[op.At()]; b != nil && b.fresh[op.Key] != nil {
				r.report.About[i] = *b.fresh[op.Key]
			}
		}
	}
	return nil
}

// messageAt is where the message of an operation is known.
type messageAt struct {
	mailbox string
	uid     goimap.UID
	key     maildir.Key
}

// messageOf is where the message of an operation is known: by UID, if it has one.
func messageOf(op plan.Op) messageAt {
	switch {
	case op.UID != 0:
		return messageAt{mailbox: op.Mailbox, uid: op.UID}
	case op.Key != "":
		return messageAt{mailbox: op.At(), key: op.Key}
	}
	return messageAt{mailbox: op.Mailbox, uid: op.Pair.UID}
}

// summaries gives what the index knows of the messages of operations.
func (r *run) summaries(ctx context.Context, ops []plan.Op) (map[messageAt]index.Message, error) {
	known := map[messageAt]index.Message{}
	sets, keys := map[string]goimap.UIDSet{}, map[messageAt]bool{}
	for _, op := range ops {
		switch at := messageOf(op); {
		case at.key != "":
			keys[at] = true
		case at.uid != 0:
			set := sets[at.mailbox]
			set.AddNum(at.uid)
			sets[at.mailbox] = set
		}
	}
	for name, set := range sets {
		b := r.byName[name]
		if b == nil || b.ID == 0 {
			continue
		}
		var ids []int64
		var uids []goimap.UID
		for row, err := range r.base.ByUID(ctx, b.ID, set) {
			if err != nil {
				return nil, err
			}
			ids, uids = append(ids, row.Message), append(uids, row.UID)
		}
		ms, err := r.Store.ByIDs(ctx, ids)
		if err != nil {
			return nil, err
		}
		byID := map[int64]index.Message{}
		for _, m := range ms {
			byID[m.ID] = m
		}
		for i, id := range ids {
			if m, ok := byID[id]; ok {
				known[messageAt{mailbox: name, uid: uids[i]}] = m
			}
		}
	}
	for at := range keys {
		ms, err := r.base.WithKey(ctx, at.key)
		if err != nil {
			return nil, err
		}
		for _, m := range ms {
			if m.Mailbox == at.mailbox {
				known[at] = m
			}
		}
	}
	return known, nil
}

// subjects asks who the newcomers are, unless there are very many.
func (r *run) subjects(ctx context.Context, ops []plan.Op, known map[messageAt]index.Message) error {
	sets, n := map[string]goimap.UIDSet{}, 0
	for _, op := range ops {
		if at := messageOf(op); (op.Kind == plan.Download || op.Kind == plan.FetchSummary) && at.uid != 0 && known[at].ID == 0 && n < mostSubjects {
			set := sets[at.mailbox]
			set.AddNum(at.uid)
			sets[at.mailbox], n = set, n+1
		}
	}
	for name, set := range sets {
		b := r.byName[name]
		if _, err := r.selected(ctx, b, nil); err != nil {
			return err
		}
		for m, err := range r.reader.Headers(ctx, set, "Subject", "From", "Date") {
			if is[*imap.MissingError](err) {
				continue
			}
			var header message.Header
			if err == nil {
				_, err = io.Copy(&header, m.Body)
			}
			if r.doWithout(ctx, err) { // the plan is as good without
				break
			}
			if err != nil {
				return err
			}
			known[messageAt{mailbox: name, uid: m.UID}] = index.Message{Mailbox: name, Summary: message.Summarize(header.Bytes()), Date: m.Date}
		}
	}
	return nil
}
