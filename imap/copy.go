package imap

import (
	"context"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// Copied is the outcome of Copy and Move: COPYUID of RFC 4315. Source[i] became Dest[i]. Where the server does not say it
// (no UIDPLUS, or an answer that does not add up) all is empty, and the messages must be looked for.
type Copied struct {
	UIDValidity  uint32 // of the destination
	Source, Dest []imap.UID
}

// Copy copies messages into another mailbox. A refusal (TRYCREATE, OVERQUOTA, …) means that none of a command's messages
// was copied; as a long set takes several commands, Copied tells what was done before it.
func (s *Session) Copy(ctx context.Context, set imap.UIDSet, to string) (Copied, error) {
	return s.transfer(ctx, "COPY", set, to, func(part imap.UIDSet) error {
		_, err := s.lib.Copy(part, to).Wait()
		return err
	})
}

func (s *Session) transfer(ctx context.Context, verb string, set imap.UIDSet, to string, send func(imap.UIDSet) error) (Copied, error) {
	if err := checkName(to); err != nil || len(set) == 0 {
		return Copied{}, err
	}
	box := &inbox{}
	c, err := s.begin(ctx, verb, box)
	if err != nil {
		return Copied{}, err
	}
	for part := range s.portions(set) {
		if err = send(part); err != nil {
			break
		}
	}
	err = c.end(err)
	return box.copied(set), err
}

// copied reads RFC 4315 section 3, of each command: COPYUID validity source destination.
func (b *inbox) copied(set imap.UIDSet) Copied {
	const most = 1 << 20
	var all Copied
	limit := count(set, most)
	for _, code := range b.Codes {
		args := strings.Fields(code.Args)
		if code.Name != "COPYUID" || len(args) != 3 {
			continue
		}
		validity, ok1 := expand(args[0], 1)
		from, ok2 := expand(args[1], limit)
		to, ok3 := expand(args[2], limit)
		if !ok1 || !ok2 || !ok3 || len(from) != len(to) || all.UIDValidity != 0 && all.UIDValidity != uint32(validity[0]) {
			continue
		}
		all.UIDValidity = uint32(validity[0])
		all.Source, all.Dest = append(all.Source, from...), append(all.Dest, to...)
	}
	return all
}
