package dovecot

import "syscall"

// group puts the server and its children into a process group, which is what Stop signals. It ends with us, also when
// nobody is left to stop it: a test binary that was interrupted, or ran out of time.
func group() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
