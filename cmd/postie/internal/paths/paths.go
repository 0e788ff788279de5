// Package paths holds what commands ask of paths that people gave.
package paths

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Absolute makes a path of the command line independent of the working folder.
func Absolute(path string) string {
	if path == "" {
		return ""
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	return abs
}

// Folder makes a path independent of the working folder; ~ stays as it is.
func Folder(path string) string {
	if path == "~" || strings.HasPrefix(path, "~/") {
		return path
	}
	return Absolute(path)
}

// Exists says whether there is anything at path.
func Exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
