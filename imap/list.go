package imap

import (
	"context"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// Mailbox is one mailbox as LIST gives it.
type Mailbox struct {
	Name       string             // UTF-8, whole, in the server's hierarchy; INBOX in capitals
	Delim      rune               // hierarchy separator; 0: there is no hierarchy
	Attrs      []imap.MailboxAttr // special-use among them, where the server says it (RFC 6154)
	Subscribed bool
	Told       bool    // the server said whether it is subscribed; one that does not know LSUB says it of none
	Unusable   bool    // its name, as it came, cannot be sent in a command
	Status     *Status // nil: not asked for, not selectable, or refused

	lsub bool // from LSUB: says no more than that it is subscribed
}

// Selectable says whether the mailbox exists and can be selected.
func (m Mailbox) Selectable() bool {
	return !m.Unusable && !slices.Contains(m.Attrs, imap.MailboxAttrNoSelect) && !slices.Contains(m.Attrs, imap.MailboxAttrNonExistent)
}

// Has says whether the mailbox has an attribute: imap.MailboxAttrTrash, …
func (m Mailbox) Has(a imap.MailboxAttr) bool { return slices.Contains(m.Attrs, a) }

// List lists the mailboxes that match any of the patterns ("*" any characters, "%" any but the separator; none: all),
// sorted by name, with subscription and special use. With status the Status of each selectable one comes along: in one
// round trip where the server has LIST-STATUS, else by as many pipelined STATUS commands. Where the extended LIST is refused, or
// names no mailbox at all, which cannot be (RFC 9051 section 5.1: INBOX), the server is asked as ListPlain does.
func (s *Session) List(ctx context.Context, status bool, patterns ...string) ([]Mailbox, error) {
	o := s.listOptions(status)
	all, err := s.listed(ctx, status, patterns, o)
	if o != nil && (refused(err) || err == nil && len(all)+len(patterns) == 0) {
		plain, again := s.ListPlain(ctx, status, patterns...)
		if again == nil && len(plain) > 0 {
			s.Lose(imap.CapListExtended)
		}
		return plain, again
	}
	return all, err
}

// ListPlain is List without extensions: LIST and LSUB of RFC 3501, and STATUS. It tells what an extended LIST should have told.
func (s *Session) ListPlain(ctx context.Context, status bool, patterns ...string) ([]Mailbox, error) {
	return s.listed(ctx, status, patterns, nil)
}

// ListsExtended says whether List asks in another way than ListPlain.
func (s *Session) ListsExtended() bool { return s.Has(imap.CapListExtended) }

func (s *Session) listed(ctx context.Context, status bool, patterns []string, o *imap.ListOptions) ([]Mailbox, error) {
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	box := &inbox{List: true, Status: map[string]*Status{}}
	c, err := s.begin(ctx, "LIST", box)
	if err != nil {
		return nil, err
	}
	told, err := s.list(patterns, o)
	if err := c.end(err); err != nil {
		return nil, err
	}
	all := merge(box, told)
	if status {
		err = s.complete(ctx, all)
	}
	return all, err
}

// listOptions says what LIST can give in one go; nil: the server knows plain LIST only.
func (s *Session) listOptions(status bool) *imap.ListOptions {
	if !s.Has(imap.CapListExtended) { // RFC 5258: without it there is no RETURN
		return nil
	}
	o := &imap.ListOptions{ReturnSubscribed: true, ReturnSpecialUse: s.Has(imap.CapSpecialUse)}
	if status && s.Has(imap.CapListStatus) {
		o.ReturnStatus = s.statusOptions()
	}
	return o
}

// list sends the commands in one flight. Without options LSUB, which the library lacks, tells the subscriptions. told: they were told.
func (s *Session) list(patterns []string, o *imap.ListOptions) (told bool, err error) {
	var sent []*imapclient.ListCommand
	for _, p := range patterns {
		if o == nil {
			s.wire.amend(amendment{" LIST ", " LSUB ", true})
			sent = append(sent, s.lib.List("", p, nil))
		}
		sent = append(sent, s.lib.List("", p, o))
	}
	told = true
	for i, cmd := range sent {
		switch refusal := cmd.Close(); {
		case o == nil && i%2 == 0 && isRefusal(refusal): // a server may not know LSUB
			told = false
		case err == nil:
			err = refusal
		}
	}
	return told, err
}

// merge makes one list of what LIST and LSUB said. Only LSUB knows subscriptions to mailboxes that are no more: they are left out.
func merge(box *inbox, told bool) []Mailbox {
	byName := map[string]Mailbox{}
	var subscribed []string
	for _, m := range box.Lists {
		if m.lsub {
			subscribed = append(subscribed, m.Name)
		} else {
			m.Status, m.Told = box.Status[m.Name], told || m.Subscribed
			byName[m.Name] = m
		}
	}
	for _, name := range subscribed {
		if m, ok := byName[name]; ok {
			m.Subscribed = true
			byName[name] = m
		}
	}
	all := make([]Mailbox, 0, len(byName))
	for _, m := range byName {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b Mailbox) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// complete asks for the status of those whose status did not come by itself.
func (s *Session) complete(ctx context.Context, all []Mailbox) error {
	var names []string
	for _, m := range all {
		if m.Status == nil && m.Selectable() {
			names = append(names, m.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	found, err := s.Status(ctx, names...)
	for i := range all {
		if st := found[all[i].Name]; st != nil {
			all[i].Status = st
		}
	}
	return err
}
