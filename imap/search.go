package imap

import (
	"context"

	"github.com/emersion/go-imap/v2"
)

// Search finds messages of the selected mailbox by ESEARCH where the server has it (RFC 4731), whose answer stays short
// however many they are, else by SEARCH.
func (s *Session) Search(ctx context.Context, criteria *imap.SearchCriteria) (imap.UIDSet, error) {
	for _, flags := range [][]Flag{criteria.Flag, criteria.NotFlag} {
		if err := checkFlags(flags); err != nil {
			return nil, err
		}
	}
	c, err := s.begin(ctx, "SEARCH", &inbox{})
	if err != nil {
		return nil, err
	}
	var o *imap.SearchOptions
	if s.Has(imap.CapESearch) {
		o = &imap.SearchOptions{ReturnAll: true}
	}
	data, err := s.lib.UIDSearch(criteria, o).Wait()
	if err := c.end(err); err != nil {
		return nil, err
	}
	found, _ := data.All.(imap.UIDSet) // nil: none
	return found, nil
}

// SearchAll gives the UIDs of all messages.
func (s *Session) SearchAll(ctx context.Context) (imap.UIDSet, error) {
	return s.Search(ctx, &imap.SearchCriteria{})
}

// SearchDeleted gives the UIDs of the messages marked \Deleted, by whomever: a plain EXPUNGE would remove them.
func (s *Session) SearchDeleted(ctx context.Context) (imap.UIDSet, error) {
	return s.Search(ctx, &imap.SearchCriteria{Flag: []Flag{imap.FlagDeleted}})
}

// SearchHeader gives the UIDs, from the UID from on, of messages whose header field holds value somewhere. Servers
// differ in how they look; the caller compares.
func (s *Session) SearchHeader(ctx context.Context, field, value string, from imap.UID) (imap.UIDSet, error) {
	criteria := &imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: field, Value: value}}}
	if from <= 1 {
		return s.Search(ctx, criteria)
	}
	criteria.UID = []imap.UIDSet{{{Start: from}}}
	found, err := s.Search(ctx, criteria)
	// RFC 9051 section 6.4.8 note: "559:*" also means the last message, though its UID be lower
	return overlap(found, imap.UIDSet{{Start: from, Stop: ^imap.UID(0)}}), err
}
