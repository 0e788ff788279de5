package plan

import (
	"fmt"
	"slices"
	"strings"
)

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
