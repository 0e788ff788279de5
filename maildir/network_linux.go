package maildir

import "golang.org/x/sys/unix"

// Networked reports whether a folder lies where shared memory (WAL) or locks reach only one machine, or may do so
// (FUSE). What the kernel does not tell counts as local.
func Networked(dir string) bool {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return false
	}
	switch uint32(st.Type) { // statfs(2), linux/magic.h
	case unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.V9FS_MAGIC,
		unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC, unix.CEPH_SUPER_MAGIC, unix.CODA_SUPER_MAGIC, unix.NCP_SUPER_MAGIC,
		unix.OCFS2_SUPER_MAGIC, unix.FUSE_SUPER_MAGIC,
		0x01161970, // GFS2
		0x0bd00bd0, // Lustre
		0x47504653, // GPFS
		0x19830326, // BeeGFS
		0x786f4256, // vboxsf
		0xbacbacbc: // vmhgfs
		return true
	}
	return false
}
