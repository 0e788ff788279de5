package pop3

import "context"

// Quit ends the session by QUIT and closes the connection, whatever comes. Nil means that the server said +OK: it has
// entered the UPDATE state and deleted what was marked (RFC 1939 section 6). *Error: it says that some of that was
// not deleted. Any other error leaves open whether it was: the server may have acted, and its answer got lost.
func (s *Session) Quit(ctx context.Context) error {
	end, err := s.begin(ctx)
	if err != nil {
		s.Close()
		return err
	}
	defer s.Close()
	defer end()
	_, err = s.command("QUIT")
	return err
}
