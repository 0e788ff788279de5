package exit

// Meaning is an exit code in words.
type Meaning struct {
	Code int
	Text string
}

// Codes are all exit codes, for help and manual.
func Codes() []Meaning {
	return []Meaning{
		{OK, "Done, also when there was nothing new."},
		{Failed, "Failed: a certificate, a pin or a refused STARTTLS among other things."},
		{BadUsage, "Wrong usage or configuration."},
		{Partial, "Part done: some messages or accounts failed, the rest is safe."},
		{Login, "The server refused the login."},
		{Connection, "The server was not reached or the connection lost: worth trying again."},
		{Guard, "The deletion guard: a mailbox was left alone because too much of it would be deleted."},
		{InUse, "The Maildir is in use by another run."},
		{Interrupted, "Interrupted; what was done is kept."},
	}
}
