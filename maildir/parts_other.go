//go:build !linux && !darwin

package maildir

import "os"

// look gives the mtime of a folder in nanoseconds. Which one it is nobody tells.
func look(path string) (mtime int64, place string, dir bool, err error) {
	fi, err := os.Stat(path)
	if err != nil {
		return 0, "", false, err
	}
	return fi.ModTime().UnixNano(), "", fi.IsDir(), nil
}
