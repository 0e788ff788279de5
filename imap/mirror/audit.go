package mirror

import (
	"context"
	"time"

	"postie/imap/changes"
)

// A server that forgets changes is not noticed by asking it what changed. So now and then one mailbox is compared whole: in a run at
// most one, the one that waits longest, if it was not compared for auditEvery. Quiet runs stay as cheap as they are, but for that one.
const auditEvery = 7 * 24 * time.Hour

// toAudit is the mailbox that is to be compared whole in this run; nil: none is. Those without mod-sequences are compared in every run.
func toAudit(boxes []*box, now time.Time, every time.Duration) (oldest *box) {
	for _, b := range boxes {
		if b.outside || !b.known || b.remote == nil || b.mustMatch || b.ModSeq == 0 {
			continue
		}
		if oldest == nil || b.Audited.Before(oldest.Audited) {
			oldest = b
		}
	}
	if oldest == nil {
		return nil
	}
	if age := now.Sub(oldest.Audited); age < every && age > -every { // else the clock went back
		return nil
	}
	return oldest
}

// audits says whether a mailbox is the one that this run compares whole.
func (o *remoteObserver) audits(b *box) bool {
	if !o.auditChosen {
		every := o.AuditEvery
		if every == 0 {
			every = auditEvery
		}
		o.auditChosen = true
		if !o.DryRun && o.session.CondStore() {
			o.auditing = toAudit(o.boxes, o.Now(), every)
		}
	}
	return o.auditing == b
}

// audit compares a mailbox whole, says what the server had kept back, and does without what it did not do as it should. What differs is
// planned like any other change.
func (o *remoteObserver) audit(ctx context.Context, b *box, then changes.Then) (changes.Delta, error) {
	d, kept, err := o.reader.Audit(ctx, remoteOf(b), then, o.rows(b), o.room)
	if err != nil || kept.None() {
		return d, err
	}
	text := "the server had kept back what changed: " + kept.String() + " (found by comparing the whole mailbox)"
	if kept.Cap == "" {
		text = kept.String() + ": found by comparing the whole mailbox, and brought now"
	}
	o.emit(Notice{b.Name, text})
	if kept.Cap != "" {
		o.session.Lose(kept.Cap)
	}
	return d, nil
}
