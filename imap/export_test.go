package imap

// Compressed says whether COMPRESS=DEFLATE is in force.
func (s *Session) Compressed() bool { return s.wire.stream.z != nil }
