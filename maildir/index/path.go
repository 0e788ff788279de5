package index

// Path is where the message's file lies, as of the last look.
func (s *Store) Path(m Message) string { return s.dir(m.Mailbox).Path(m.Entry) }
