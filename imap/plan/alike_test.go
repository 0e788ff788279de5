package plan

import (
	"fmt"
	"slices"
	"strings"
)

// hide leaves of messages what is seen before anybody asks for their headers, and shows the headers that MatchDoubts asks for.
func (s *boxLines) hide(out *strings.Builder, m *Mailbox) error {
	hidden := slices.Clone(s.messages)
	for i := range hidden {
		hidden[i].ID.Header = [32]byte{}
	}
	m.Messages = Seq(hidden)
	uids, err := MatchDoubts(*m)
	if len(uids) > 0 {
		fmt.Fprintln(out, "asks", m.Name, uids)
	}
	for i := range hidden {
		if slices.Contains(uids, hidden[i].UID) {
			hidden[i].ID.Header = s.messages[i].ID.Header
		}
	}
	return err
}
