package plan

// Totals count what operations do to messages: the numbers of a run, whether it was done or is only planned.
type Totals struct {
	New           int   // messages stored here, or their summaries
	Uploaded      int   // messages stored on the server
	FlagsPulled   int   // messages whose flags changed here
	FlagsPushed   int   // messages whose flags changed on the server
	Moved         int   // messages that changed their mailbox, on either side
	DeletedLocal  int   // messages removed here
	DeletedRemote int   // messages deleted on the server, or marked there
	Skipped       int   // messages that came as a summary only, because they are too large or too old
	Cleared       int64 // octets that the server was rid of, since verified copies are here
}

// Add counts one operation under a policy.
func (t *Totals) Add(op Op, p Policy) {
	if op.Push != (Change{}) {
		t.FlagsPushed++
	}
	if op.Pull != (Change{}) {
		t.FlagsPulled++
	}
	switch op.Kind {
	case Download:
		t.New++
	case FetchSummary:
		t.New++
		if !p.Bodies.None {
			t.Skipped++
		}
	case Move:
		t.Moved++
	case RecordOnly, Flags:
		if op.To != "" {
			t.Moved++
		}
	case Settle:
		if op.To == "" { // a copy that is completed is counted where the comparison finds it
			t.Uploaded++
		}
	case Upload:
		t.Uploaded++
	case Expunge, Trash, Mark:
		t.DeletedRemote++
	case Clear:
		t.DeletedRemote++
		t.Cleared += op.Pair.Size
	case Remove:
		t.DeletedLocal++
	}
}
