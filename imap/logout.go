package imap

import "context"

// Logout says goodbye and closes the connection without waiting for the answer, which brings nothing.
func (s *Session) Logout(ctx context.Context) error {
	c, err := s.begin(ctx, "LOGOUT", &inbox{})
	if err != nil {
		return err
	}
	s.lib.Logout() // written when it returns
	c.end(nil)
	return s.Close()
}
