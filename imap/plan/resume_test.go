package plan

import "testing"

// What becomes of what a run had begun that was stopped: nothing is done twice that is there, and nothing is taken for done that is not.
func TestResume(t *testing.T) {
	for _, c := range []struct {
		name  string
		begun Begun
		want  Outcome
		op    string
	}{
		{"a download that was published", Begun{Op: Op{Kind: Download, Mailbox: "A", UID: 7, Key: "k"}, Here: true}, Happened, ""},
		{"a download that was not", Begun{Op: Op{Kind: Download, Mailbox: "A", UID: 7, Key: "k"}}, Undone, ""},
		{"an upload that came there", Begun{Op: Op{Kind: Upload, Mailbox: "A", Key: "k", To: "B"}, Here: true, Found: 9}, Happened, "settle B 9 k: uploaded by a run that was stopped"},
		{"of which the file is gone", Begun{Op: Op{Kind: Upload, Mailbox: "A", Key: "k", To: "A"}, Found: 9}, Happened, "settle A 9 k: uploaded by a run that was stopped"},
		{"that came there after many tries", Begun{Op: Op{Kind: Upload, Mailbox: "A", Key: "k", To: "A"}, Here: true, Found: 9, Tries: 5}, Happened, "settle A 9 k: uploaded by a run that was stopped"},
		{"that did not", Begun{Op: Op{Kind: Upload, Mailbox: "A", Key: "k", To: "A"}, Here: true}, Anew, ""},
		{"that did not, once more", Begun{Op: Op{Kind: Upload, Mailbox: "A", Key: "k", To: "A"}, Here: true, Tries: 1}, Anew, ""},
		{"that is not to be found", Begun{Op: Op{Kind: Upload, Mailbox: "A", Key: "k", To: "A"}, Here: true, Tries: 2}, GivenUp, ""},
		{"that did not, and the file is gone", Begun{Op: Op{Kind: Upload, Mailbox: "A", Key: "k", To: "A"}, Tries: 2}, Undone, ""},
		{"to a mailbox that is gone", Begun{Op: Op{Kind: Upload, Mailbox: "A", Key: "k", To: "A"}, Here: true, Void: true}, Undone, ""},
		{"a copy that was made", Begun{Op: Op{Kind: Move, Mailbox: "A", UID: 7, To: "B"}, Found: 3}, Halfway, "settle A 7 to B: copied by a run that was stopped"},
		{"a copy that was not", Begun{Op: Op{Kind: Move, Mailbox: "A", UID: 7, To: "B"}}, Undone, ""},
		{"of a message that is gone", Begun{Op: Op{Kind: Move, Mailbox: "A", UID: 7, To: "B"}, Found: 3, Void: true}, Undone, ""},
	} {
		got, op := Resume(c.begun)
		said := ""
		if op.Kind != 0 {
			said = op.String()
		}
		if got != c.want || said != c.op {
			t.Errorf("%s: %d %q, want %d %q", c.name, got, said, c.want, c.op)
		}
	}
}
