package mirror

import (
	"context"
	"io"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/plan"
	"postie/maildir/index"
	"postie/maildir/message"
)

// previewer reports what a dry run would do.
type previewer struct {
	*agreements
}

// mostSubjects is of how many newcomers a dry run asks the subject, so that people know them.
const mostSubjects = 1000

// preview reports a plan as if it had been carried out, with what is known of the messages that it is about.
func (v *previewer) preview(ctx context.Context, p plan.Plan) error {
	p.Ops = v.breakers.withoutBreakers(p.Ops)
	v.report.Plan, v.report.Totals = p, plan.Totals{}
	for _, op := range p.Ops {
		v.report.Add(op, v.Policy)
	}
	known, err := v.agreements.summaries(ctx, p.Ops)
	if err != nil {
		return err
	}
	if err := v.subjects(ctx, p.Ops, known); err != nil {
		return err
	}
	v.report.About = make([]index.Message, len(p.Ops))
	for i, op := range p.Ops {
		switch m, ok := known[messageOf(op)]; {
		case ok:
			v.report.About[i] = m
		default:
			if b := v.byName[op.At()]; b != nil && b.fresh[op.Key] != nil {
				v.report.About[i] = *b.fresh[op.Key]
			}
		}
	}
	return nil
}

// subjects asks who the newcomers are, unless there are very many.
func (v *previewer) subjects(ctx context.Context, ops []plan.Op, known map[messageAt]index.Message) error {
	sets, n := map[string]goimap.UIDSet{}, 0
	for _, op := range ops {
		if at := messageOf(op); (op.Kind == plan.Download || op.Kind == plan.FetchSummary) && at.uid != 0 && known[at].ID == 0 && n < mostSubjects {
			set := sets[at.mailbox]
			set.AddNum(at.uid)
			sets[at.mailbox], n = set, n+1
		}
	}
	for name, set := range sets {
		b := v.byName[name]
		if _, err := v.selected(ctx, b, nil); err != nil {
			return err
		}
		for m, err := range v.reader.Headers(ctx, set, "Subject", "From", "Date") {
			if is[*imap.MissingError](err) {
				continue
			}
			var header message.Header
			if err == nil {
				_, err = io.Copy(&header, m.Body)
			}
			if v.breakers.doWithout(ctx, err) { // the plan is as good without
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
