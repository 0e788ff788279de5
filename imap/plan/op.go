package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"postie/maildir"
)

// Kind is what an operation does. Its order is the order of a run: places first, then what spares work, then what
// adds, then what changes, and what takes away last. Repair comes before all; it stands at the end since the base stores kinds as numbers.
type Kind uint8

const (
	Settle       Kind = iota + 1 // what a run that was stopped left undone: write down the upload of Key (UID is its), or delete UID, which was copied to To
	Rename                       // Mailbox is called To elsewhere: rename it on Side (0: nowhere), and the base's
	Create                       // make Mailbox on Side; on the server, rows of an earlier life that are left lose their UID: Orphan, but for Archived ones
	RecordOnly                   // nothing but Pair to write down
	Move                         // Side Remote: UID MOVE; Side Local: rename the file, under a new key if To knows that one (no Key: only the row moves)
	Upload                       // APPEND the file Key with Pair.Remote and its mtime
	Download                     // fetch the message Pair.UID into a file with Pair.Local, under a new key
	FetchSummary                 // fetch the summary of Pair.UID: policy does not want its body
	Flags                        // Push to the message, Pull to the file, of Pair
	Expunge                      // set \Deleted and UID EXPUNGE
	Trash                        // UID MOVE to To, the trash
	Mark                         // set \Deleted, no more
	Clear                        // expunge a message of which an archive holds a verified copy, if that copy is as it was
	Remove                       // remove the file Key
	Forget                       // remove the row: both sides are rid of it
	Drop                         // delete the mailbox on Side, if it is empty still, and its base (Both: only that)
	Repair                       // give the file Key another name, or (no Key) make the folders that the Maildir lacks, as Mailbox.Defects has it
)

func (k Kind) String() string {
	return [...]string{"?", "settle", "rename", "create", "record", "move", "upload", "download", "summarize", "flags",
		"expunge", "trash", "mark", "clear", "remove", "forget", "drop", "repair"}[k]
}

// Op is one step of a plan, for one message or one mailbox.
//
// Its agreement, to be written once it is done, has one rule for all that concern a message: the row of Mailbox with UID,
// and the rows without UID of Mailbox and To with Key, are replaced by Pair, in To or else in Mailbox; a zero Pair is
// not written. A UID or key of Pair that only the doing brings to light is zero here, and is filled in.
type Op struct {
	Kind    Kind
	Side    Side // the side that is changed; Both for Flags that go both ways, 0 when nothing but the base is
	Mailbox string
	To      string      // Rename, Move, Trash; also RecordOnly and Flags of a pair that moved on both sides
	From    string      // Move, Remove and Rename here: the mailbox that the file, or the Maildir, was moved to; "": it is where it was
	UID     imap.UID    // in Mailbox, as the base knows it; 0: the base knows none
	Key     maildir.Key // as the file is called, or was when it was last there; "": there was none
	Push    Change      // to the message, where it is now; with Move and Download (also of no file) it goes first
	Pull    Change      // to the file
	Since   ModSeq      // of Push: UNCHANGEDSINCE (RFC 7162 section 3.1.3); 0: unconditional
	Body    bool        // Move, Trash: then fetch the body, which policy wants and nobody has
	Pair    Pair
	Reason  string
}

// At is the mailbox whose Maildir holds the file Key, or with Rename the one whose Maildir gets the name To.
func (op Op) At() string { return cmp.Or(op.From, op.Mailbox) }

// String is for logs, and for the cases that plans are tried by.
func (op Op) String() string {
	var b strings.Builder
	fmt.Fprint(&b, op.Kind, " ", op.Mailbox)
	if uid := cmp.Or(op.UID, op.Pair.UID); uid != 0 {
		fmt.Fprint(&b, " ", uid)
	}
	if op.Key != "" {
		fmt.Fprint(&b, " ", op.Key)
	}
	if op.To != "" {
		fmt.Fprint(&b, " to ", op.To)
	}
	if slices.Contains([]Kind{Create, Rename, Move, Drop}, op.Kind) && op.Side != 0 {
		fmt.Fprint(&b, " ", op.Side)
	}
	if op.From != "" {
		fmt.Fprint(&b, " from ", op.From)
	}
	if flags := op.Changes(); flags != "" {
		b.WriteString(" " + flags)
	}
	if op.Body {
		b.WriteString(" with body")
	}
	return b.String() + ": " + op.Reason
}

// Changes says which flags are changed where: "push +F pull -S work".
func (op Op) Changes() string {
	var parts []string
	if op.Push != (Change{}) {
		parts = append(parts, "push "+op.Push.String())
	}
	if op.Pull != (Change{}) {
		parts = append(parts, "pull "+op.Pull.String())
	}
	return strings.Join(parts, " ")
}

// Plan is what a run will do, in this order. It may be stopped after any operation.
type Plan struct {
	Ops     []Op
	Guards  []Guard
	Notices []Notice // sorted, each once
	// Open names the mailboxes in which something was put off, sorted: the next run has to see them whole, so neither
	// their folder's mtime nor their HIGHESTMODSEQ is recorded. The same holds for those of an operation that failed.
	Open []string
}

// Notice is something to be said about a mailbox that no operation says.
type Notice struct {
	Mailbox string
	Text    string
	Count   int // of the messages that it is true of
}

// order sorts operations into the order of a run. Mailboxes are made before those below them, INBOX before all others, and dropped after.
func order(a, b Op) int {
	boxes := strings.Compare(a.Mailbox, b.Mailbox)
	if a.Kind == Create && inbox(a.Mailbox) != inbox(b.Mailbox) {
		boxes = -1
		if inbox(b.Mailbox) {
			boxes = 1
		}
	}
	if a.Kind == Drop {
		boxes = -boxes
	}
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), boxes, cmp.Compare(cmp.Or(a.UID, a.Pair.UID), cmp.Or(b.UID, b.Pair.UID)),
		cmp.Compare(a.Key, b.Key))
}
