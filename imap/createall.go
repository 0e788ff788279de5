package imap

import (
	"context"

	"github.com/emersion/go-imap/v2/imapclient"
)

// CreateAll is Create for many mailboxes, in one round trip: one result for each. The error is that which ended the session.
func (s *Session) CreateAll(ctx context.Context, names []string) ([]error, error) {
	return s.all(ctx, "CREATE", names, func(name string) *imapclient.Command { return s.lib.Create(name, nil) })
}

// SubscribeAll is Subscribe for many mailboxes, in one round trip.
func (s *Session) SubscribeAll(ctx context.Context, names []string) ([]error, error) {
	return s.all(ctx, "SUBSCRIBE", names, func(name string) *imapclient.Command { return s.lib.Subscribe(name) })
}

// all sends one command for each name before the answer to the first has come.
func (s *Session) all(ctx context.Context, verb string, names []string, send func(string) *imapclient.Command) ([]error, error) {
	results := make([]error, len(names))
	c, err := s.begin(ctx, verb, &inbox{})
	if err != nil {
		return results, err
	}
	commands := make([]*imapclient.Command, len(names))
	for i, name := range names {
		if results[i] = checkName(name); results[i] == nil {
			commands[i] = send(name)
		}
	}
	for i, command := range commands {
		if command == nil {
			continue
		}
		if results[i] = c.verdict(command.Wait()); results[i] != nil && !refused(results[i]) {
			err = results[i]
			break
		}
	}
	return results, c.end(err)
}
