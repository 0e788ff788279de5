package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// hide leaves of messages what is seen before anybody asks for their headers, and gives what asks for them.
func (s *sight) hide(out *strings.Builder, m *Mailbox) func([]imap.UID) (map[imap.UID]Identity, error) {
	hidden, whole := slices.Clone(s.messages), map[imap.UID]Identity{}
	for i := range hidden {
		whole[hidden[i].UID] = hidden[i].ID
		hidden[i].ID.Header = [32]byte{}
	}
	m.Messages = Seq(hidden)
	return func(uids []imap.UID) (map[imap.UID]Identity, error) {
		fmt.Fprintln(out, "asks", m.Name, uids)
		maps.DeleteFunc(whole, func(uid imap.UID, _ Identity) bool { return !slices.Contains(uids, uid) })
		return whole, nil
	}
}
