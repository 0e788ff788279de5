package imap

import (
	"context"
	"errors"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// Search finds messages of the selected mailbox by ESEARCH where the server has it (RFC 4731), whose answer stays short
// however many they are, else by SEARCH.
func (s *Session) Search(ctx context.Context, criteria *imap.SearchCriteria) (imap.UIDSet, error) {
	if err := checkCriteria(criteria); err != nil {
		return nil, err
	}
	if !s.Has(imap.CapESearch) {
		return s.search(ctx, criteria, nil)
	}
	found, err := s.search(ctx, criteria, &imap.SearchOptions{ReturnAll: true})
	if misunderstood(err) {
		if found, err = s.search(ctx, criteria, nil); err == nil {
			s.Lose(imap.CapESearch)
		}
	}
	return found, err
}

func (s *Session) search(ctx context.Context, criteria *imap.SearchCriteria, o *imap.SearchOptions) (imap.UIDSet, error) {
	var found gathered
	c, err := s.begin(ctx, "SEARCH", &inbox{Found: &found})
	if err != nil {
		return nil, err
	}
	_, err = s.lib.UIDSearch(criteria, o).Wait()
	if err := c.end(err); err != nil {
		return nil, err
	}
	return found.set(), nil
}

// search reads RFC 3501 section 7.2.5: numbers, and perhaps (MODSEQ n) behind them (RFC 7162 section 3.1.5). A server may
// say it in several responses.
func (w *wire) search(s *scanner) error {
	var found []imap.UIDRange
	for s.err == nil && !s.spaces().end() && s.peek() != '(' {
		line := s.rest
		u := imap.UID(s.number(32))
		if u == 0 && s.err == nil { // RFC 9051 section 9: nor is a UID
			s.rest = line
			s.fail("UID 0")
			break
		}
		if n := len(found); n > 0 && uint64(u) == uint64(found[n-1].Stop)+1 {
			found[n-1].Stop = u
		} else if n > 0 && u == found[n-1].Stop {
			continue
		} else if found = append(found, imap.UIDRange{Start: u, Stop: u}); n > maxRanges {
			s.exceed("more than %d UIDs found", maxRanges)
		}
	}
	if s.peek() == '(' {
		s.skip()
	}
	return w.found(s, setOfRanges(found))
}

// esearch reads RFC 4731 section 3.1: a correlator, UID, and pairs of a name and a value, of which ALL counts. There is no
// ALL where nothing was found.
func (w *wire) esearch(s *scanner) error {
	var found imap.UIDSet
	if s.spaces().peek() == '(' {
		s.skip()
	}
	for s.err == nil && !s.spaces().end() {
		switch name := strings.ToUpper(s.atom()); name {
		case "UID":
		case "ALL":
			found = s.set()
		default:
			s.skip()
		}
	}
	return w.found(s, found)
}

func (w *wire) found(s *scanner, set imap.UIDSet) error {
	if err := s.drop(); err != nil {
		return err
	}
	w.note(func(b *inbox) bool {
		if b.Found != nil {
			if !b.Found.add(set) {
				b.over("UIDs found")
			}
		}
		return b.Found != nil
	})
	return nil
}

// checkCriteria refuses what the library would close the connection for (trap 8).
func checkCriteria(c *imap.SearchCriteria) error {
	err := errors.Join(checkFlags(c.Flag), checkFlags(c.NotFlag))
	for _, set := range c.UID {
		if len(set) == 0 {
			err = errors.Join(err, errors.New("search in an empty set"))
		}
	}
	for _, set := range c.SeqNum {
		if len(set) == 0 {
			err = errors.Join(err, errors.New("search in an empty set"))
		}
	}
	for i := range c.Not {
		err = errors.Join(err, checkCriteria(&c.Not[i]))
	}
	for i := range c.Or {
		err = errors.Join(err, checkCriteria(&c.Or[i][0]), checkCriteria(&c.Or[i][1]))
	}
	return err
}

// SearchAll gives the UIDs of all messages.
func (s *Session) SearchAll(ctx context.Context) (imap.UIDSet, error) {
	return s.Search(ctx, &imap.SearchCriteria{})
}

// SearchDeleted gives the UIDs of the messages marked \Deleted, by whomever: a plain EXPUNGE would remove them.
func (s *Session) SearchDeleted(ctx context.Context) (imap.UIDSet, error) {
	return s.Search(ctx, &imap.SearchCriteria{Flag: []Flag{imap.FlagDeleted}})
}
