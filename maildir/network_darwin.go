package maildir

import "golang.org/x/sys/unix"

// Networked reports whether a folder lies on another machine. What the kernel does not tell counts as local.
func Networked(dir string) bool {
	var st unix.Statfs_t
	return unix.Statfs(dir, &st) == nil && st.Flags&unix.MNT_LOCAL == 0
}
