//go:build !linux

package dovecot

import "syscall"

// group puts the server and its children into a process group, which is what Stop signals.
func group() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
