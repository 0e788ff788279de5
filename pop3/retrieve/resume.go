package retrieve

import (
	"context"
	"fmt"
	"io"
	"os"

	"postie/maildir/index"
	"postie/maildir/message"
	"postie/pop3"
)

// resume settles what was Arriving when an earlier run was stopped. A file that is there may have been renamed
// without its folder being fsynced: that comes first, else a later crash could take a message that DELE has removed.
func (r *run) resume(ctx context.Context, u unfinished) error {
	if len(u.found) > 0 {
		folders, err := r.folders()
		if err != nil {
			return err
		}
		for _, dir := range folders {
			r.step("fsync-dir " + string(dir))
			if err := dir.Sync(); err != nil {
				return err
			}
		}
	}
	r.step("ledger resume")
	if err := r.welcome(ctx, u.found); err != nil {
		return err
	}
	return r.ledger.Forget(ctx, u.nowhere)
}

// welcome records what was found, and tells of it: the run that brought it could not.
func (r *run) welcome(ctx context.Context, all []found) error {
	var messages []index.Message
	var items []pop3.Item
	var elsewhere []int64
	for _, f := range all {
		m, err := r.reread(f)
		if err != nil || f.dir != r.Dir { // the user has it already; the index will find it there
			elsewhere = append(elsewhere, f.receipt.ID)
			continue
		}
		messages = append(messages, m)
		items = append(items, pop3.Item{UIDL: f.receipt.UIDL, Size: f.receipt.Listed})
	}
	if err := r.ledger.Confirm(ctx, elsewhere); err != nil || len(messages) == 0 {
		return err
	}
	if err := r.ledger.Stored(ctx, messages); err != nil {
		return err
	}
	r.report.New += len(messages)
	for i, m := range messages {
		r.emit(Stored{items[i], m})
	}
	return nil
}

// reread makes the message of a file that a stopped run left.
func (r *run) reread(f found) (index.Message, error) {
	file, err := os.Open(f.dir.Path(f.entry))
	if err != nil {
		return index.Message{}, err
	}
	defer file.Close()
	var header message.Header
	if _, err := io.Copy(&header, io.LimitReader(file, message.MaxHeader)); err != nil {
		return index.Message{}, fmt.Errorf("read message: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return index.Message{}, err
	}
	return index.Message{Receipt: f.receipt.ID, Mailbox: index.Inbox, Entry: f.entry, Wire: f.receipt.Wire, Header: f.receipt.Header,
		Date: info.ModTime(), Summary: message.Summarize(header.Bytes())}, nil
}
