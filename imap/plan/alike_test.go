package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
)

// Of many messages without Message-ID that came in one second each file is compared with few, not with all.
func TestWithRarestField(t *testing.T) {
	at := time.Unix(1e9, 0)
	var messages []*newcomer[Message]
	for n := range 1000 {
		id := Identity{Date: at, Fields: fmt.Sprintf("from from\nX%d X%d\n", n, n)} // as a server keeps it
		messages = append(messages, &newcomer[Message]{it: Message{UID: imap.UID(n + 1), ID: id}})
	}
	by := byField(messages)
	few := withRarestField(by, Identity{Date: at, Fields: "from from\n8bit X7\n"})
	if len(few) != 1 || few[0].it.UID != 8 {
		t.Errorf("%d messages are compared", len(few))
	}
	if few := withRarestField(by, Identity{Date: at, Fields: "from from\nanother another\n"}); len(few) != 0 {
		t.Errorf("%d messages are compared with a file that is none of them", len(few))
	}
}

// hide leaves of messages what is seen before anybody asks for their headers, and shows the headers and the files' fields that MatchDoubts asks for.
func (s *boxLines) hide(out *strings.Builder, m *Mailbox) error {
	hidden, files := slices.Clone(s.messages), slices.Clone(s.files)
	for i := range hidden {
		hidden[i].ID.Header, hidden[i].ID.Fields = [32]byte{}, ""
	}
	for i := range files {
		files[i].ID.Fields = ""
	}
	m.Messages, m.Files = Seq(hidden), Seq(files)
	uids, keys, err := MatchDoubts(*m)
	if len(uids) > 0 {
		fmt.Fprintln(out, "asks", m.Name, uids)
	}
	for i := range hidden {
		if slices.Contains(uids, hidden[i].UID) {
			hidden[i].ID.Header, hidden[i].ID.Fields = s.messages[i].ID.Header, s.messages[i].ID.Fields
		}
	}
	for i := range files {
		if slices.Contains(keys, files[i].Key) {
			files[i].ID.Fields = s.files[i].ID.Fields
		}
	}
	return err
}
