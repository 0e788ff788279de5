package credential

import "golang.org/x/sys/unix"

// Setting discards what was typed ahead, as getpass does: half a password must not reach the shell.
const getTermios, setTermios = unix.TCGETS, unix.TCSETSF
